// The functions of NVML that are used, for a host with three GPUs, the
// second of which has fallen off the bus; the third does not tell its power.
// On the first the process that asks computes, in many contexts; on the third
// one that is hidden. Each set of events finds three errors of the first, and a
// change of clocks among them; the third has no events. To be asked for power
// it takes until somebody opens the pipe LOCKSTEP_FAKE_NVML_PIPE for writing,
// if there is one; that it waits says a file beside it, with .asked behind.

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

constexpr int kSuccess = 0;
constexpr int kNotSupported = 3;
constexpr int kInsufficientSize = 7;
constexpr int kTimeout = 10;
constexpr int kGpuIsLost = 15;

uintptr_t IndexOf(void* device) {
  return reinterpret_cast<uintptr_t>(device) - 1;
}

}  // namespace

extern "C" {

struct FakeMemory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

int nvmlInit_v2() { return kSuccess; }
int nvmlShutdown() { return kSuccess; }
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 3;
  return kSuccess;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  *device = reinterpret_cast<void*>(static_cast<uintptr_t>(index) + 1);
  return index == 1 ? kGpuIsLost : kSuccess;
}
int nvmlDeviceGetUUID(void* device, char* text, unsigned size) {
  // Never the beginning of a real one's, which is hexadecimal.
  snprintf(text, size, "GPU-fake%u", static_cast<unsigned>(IndexOf(device)));
  return kSuccess;
}
int nvmlDeviceGetName(void*, char* text, unsigned size) {
  snprintf(text, size, "Fake H100");
  return kSuccess;
}
int nvmlDeviceGetMemoryInfo(void*, FakeMemory* memory) {
  *memory = {80ULL << 30, 70ULL << 30, 10ULL << 30};
  return kSuccess;
}

struct FakeUtilization {
  unsigned gpu;
  unsigned memory;
};
int nvmlDeviceGetUtilizationRates(void*, FakeUtilization* utilization) {
  *utilization = {75, 50};
  return kSuccess;
}
int nvmlDeviceGetPowerUsage(void* device, unsigned* milliwatts) {
  const char* pipe = std::getenv("LOCKSTEP_FAKE_NVML_PIPE");
  if (pipe != nullptr) {
    const std::string asked = std::string(pipe) + ".asked";
    close(open(asked.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    close(open(pipe, O_RDONLY | O_CLOEXEC));
  }
  const char* told = std::getenv("LOCKSTEP_FAKE_NVML_MILLIWATTS");
  *milliwatts = told == nullptr ? 699500 : std::strtoul(told, nullptr, 10);
  return IndexOf(device) == 2 ? kNotSupported : kSuccess;
}
int nvmlDeviceGetTotalEnergyConsumption(void*, unsigned long long* mJ) {
  *mJ = 5000000500;
  return kSuccess;
}
int nvmlDeviceGetTemperature(void*, unsigned sensor, unsigned* celsius) {
  *celsius = 61;
  return sensor == 0 ? kSuccess : kNotSupported;
}
int nvmlDeviceGetClockInfo(void*, unsigned clock, unsigned* MHz) {
  *MHz = 1980;
  return clock == 1 ? kSuccess : kNotSupported;
}

struct FakeProcess {
  unsigned pid;
  unsigned long long memory;
  unsigned gpu_instance;
  unsigned compute_instance;
};
// As the driver: says how many there are when there is too little room.
int nvmlDeviceGetComputeRunningProcesses_v3(void* device, unsigned* count,
                                            FakeProcess* processes) {
  const unsigned room = *count;
  *count = IndexOf(device) == 0 ? 40 : 0;
  if (*count > room) return kInsufficientSize;
  for (unsigned i = 0; i < *count; ++i) {
    processes[i] = {static_cast<unsigned>(getpid()), 1ULL << 30, 0, 0};
  }
  return kSuccess;
}

#ifndef LOCKSTEP_WITHOUT_EVENTS
struct FakeEvent {
  void* device;
  unsigned long long type;
  unsigned long long data;
  unsigned gpu_instance;
  unsigned compute_instance;
};
struct FakeEventSet {
  void* device = nullptr;
  unsigned long long types = 0;
  unsigned told = 0;
};
int nvmlEventSetCreate(FakeEventSet** set) {
  *set = new FakeEventSet;
  return kSuccess;
}
int nvmlEventSetFree(FakeEventSet* set) {
  delete set;
  return kSuccess;
}
int nvmlDeviceRegisterEvents(void* device, unsigned long long types,
                             FakeEventSet* set) {
  if (IndexOf(device) != 0) return kNotSupported;
  set->device = device;
  set->types = types;
  return kSuccess;
}
int nvmlEventSetWait_v2(FakeEventSet* set, FakeEvent* event,
                        unsigned milliseconds) {
  constexpr unsigned long long kXid = 8;
  constexpr unsigned long long kClock = 16;
  const FakeEvent events[] = {{set->device, kXid, 31, 0, 0},
                              {set->device, kClock, 1, 0, 0},
                              {set->device, kXid, 31, 0, 0},
                              {set->device, kXid, 79, 0, 0}};
  if (milliseconds != 0 || set->types != kXid || set->told == 4) {
    return kTimeout;
  }
  *event = events[set->told++];
  return kSuccess;
}
#endif

}  // extern "C"
