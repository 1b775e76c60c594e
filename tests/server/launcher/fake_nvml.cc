// The functions of NVML that lockstepd uses, for a host with three GPUs, the
// second of which has fallen off the bus.

#include <cstdint>
#include <cstdio>

namespace {

constexpr int kSuccess = 0;
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
  snprintf(text, size, "GPU-%u", static_cast<unsigned>(IndexOf(device)));
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

}  // extern "C"
