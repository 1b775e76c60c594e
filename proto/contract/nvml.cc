#include "proto/contract/nvml.h"

#include <dlfcn.h>

#include <array>
#include <utility>

namespace lockstep {
namespace {

// What nvml.h of NVIDIA declares, as far as it is used here.
using NvmlReturn = int;  // 0: success.
using NvmlDevice = void*;
struct NvmlMemory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};
struct NvmlUtilization {
  unsigned gpu;  // Percent.
  unsigned memory;
};
struct NvmlProcess {
  unsigned pid;
  unsigned long long memory;
  unsigned gpu_instance;
  unsigned compute_instance;
};
using NvmlEventSet = void*;
struct NvmlEvent {
  NvmlDevice device;
  unsigned long long type;
  unsigned long long data;  // Of an Xid: its number.
  unsigned gpu_instance;
  unsigned compute_instance;
};
constexpr unsigned long long kNvmlEventXid = 8;
constexpr NvmlReturn kNvmlInsufficientSize = 7;
constexpr unsigned kNvmlTemperatureGpu = 0;
constexpr unsigned kNvmlClockSm = 1;
// NVML_DEVICE_UUID_V2_BUFFER_SIZE and NVML_DEVICE_NAME_V2_BUFFER_SIZE.
using NvmlText = std::array<char, 96>;

// Of one call: who asks must not wait for a driver that has ever more to tell.
constexpr int kMostErrors = 1000;

}  // namespace

// The functions of the library, while it is open.
class GpuMonitor::Library {
 public:
  explicit Library(void* handle) : handle_(handle) {
    Resolve("nvmlInit_v2", init);
    Resolve("nvmlShutdown", shutdown);
    Resolve("nvmlDeviceGetCount_v2", get_count);
    Resolve("nvmlDeviceGetHandleByIndex_v2", get_handle);
    Resolve("nvmlDeviceGetUUID", get_uuid);
    Resolve("nvmlDeviceGetName", get_name);
    Resolve("nvmlDeviceGetMemoryInfo", get_memory);
    // Not every driver tells all of these.
    Find("nvmlDeviceGetUtilizationRates", get_utilization);
    Find("nvmlDeviceGetPowerUsage", get_power);
    Find("nvmlDeviceGetTotalEnergyConsumption", get_energy);
    Find("nvmlDeviceGetTemperature", get_temperature);
    Find("nvmlDeviceGetClockInfo", get_clock);
    Find("nvmlDeviceGetComputeRunningProcesses_v3", get_processes);
    Find("nvmlEventSetCreate", create_events);
    Find("nvmlEventSetFree", free_events);
    Find("nvmlDeviceRegisterEvents", register_events);
    Find("nvmlEventSetWait_v2", wait_event);
    ready_ = ready_ && init() == 0;
  }
  ~Library() {
    if (events != nullptr) free_events(events);
    if (ready_) shutdown();
    dlclose(handle_);
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  bool ready() const { return ready_; }

  // Calls `read` with each device and its UUID.
  template <typename Function>
  void ForEach(Function read) const {
    unsigned count = 0;
    if (get_count(&count) != 0) return;
    for (unsigned index = 0; index < count; ++index) {
      NvmlDevice device = nullptr;
      NvmlText uuid{};
      if (get_handle(index, &device) != 0) continue;
      if (get_uuid(device, uuid.data(), uuid.size()) != 0) continue;
      read(device, std::string(uuid.data()));
    }
  }

  NvmlReturn (*init)() = nullptr;
  NvmlReturn (*shutdown)() = nullptr;
  NvmlReturn (*get_count)(unsigned* count) = nullptr;
  NvmlReturn (*get_handle)(unsigned index, NvmlDevice* device) = nullptr;
  NvmlReturn (*get_uuid)(NvmlDevice, char* text, unsigned size) = nullptr;
  NvmlReturn (*get_name)(NvmlDevice, char* text, unsigned size) = nullptr;
  NvmlReturn (*get_memory)(NvmlDevice, NvmlMemory*) = nullptr;
  NvmlReturn (*get_utilization)(NvmlDevice, NvmlUtilization*) = nullptr;
  NvmlReturn (*get_power)(NvmlDevice, unsigned* milliwatts) = nullptr;
  NvmlReturn (*get_energy)(NvmlDevice, unsigned long long* mJ) = nullptr;
  NvmlReturn (*get_temperature)(NvmlDevice, unsigned sensor,
                                unsigned* celsius) = nullptr;
  NvmlReturn (*get_clock)(NvmlDevice, unsigned clock, unsigned* MHz) = nullptr;
  // `count`: the room there is, and then the processes there are.
  NvmlReturn (*get_processes)(NvmlDevice, unsigned* count,
                              NvmlProcess*) = nullptr;

  NvmlReturn (*create_events)(NvmlEventSet*) = nullptr;
  NvmlReturn (*free_events)(NvmlEventSet) = nullptr;
  NvmlReturn (*register_events)(NvmlDevice, unsigned long long types,
                                NvmlEventSet) = nullptr;
  NvmlReturn (*wait_event)(NvmlEventSet, NvmlEvent*,
                           unsigned milliseconds) = nullptr;

  // Null until somebody watches, and where the driver has no events.
  NvmlEventSet events = nullptr;
  // Those watched: one that is lost does not tell its UUID any more.
  std::vector<std::pair<NvmlDevice, std::string>> watched;

  // None when the GPU does not answer.
  std::optional<GpuReading> Reading(NvmlDevice device, std::string uuid) const {
    constexpr double kMilli = 1e-3;
    constexpr double kMega = 1e6;
    NvmlMemory memory{};
    if (get_memory(device, &memory) != 0) return std::nullopt;
    GpuReading reading = {
        .uuid = std::move(uuid),
        .memory_used_bytes = static_cast<int64_t>(memory.used),
        .memory_total_bytes = static_cast<int64_t>(memory.total)};
    NvmlUtilization utilization{};
    unsigned value = 0;
    unsigned long long energy = 0;
    if (get_utilization != nullptr &&
        get_utilization(device, &utilization) == 0) {
      reading.utilization = utilization.gpu / 100.0;
    }
    if (get_power != nullptr && get_power(device, &value) == 0) {
      reading.power_watts = kMilli * value;
    }
    if (get_energy != nullptr && get_energy(device, &energy) == 0) {
      reading.energy_joules = kMilli * static_cast<double>(energy);
    }
    if (get_temperature != nullptr &&
        get_temperature(device, kNvmlTemperatureGpu, &value) == 0) {
      reading.temperature_celsius = value;
    }
    if (get_clock != nullptr && get_clock(device, kNvmlClockSm, &value) == 0) {
      reading.sm_clock_hertz = kMega * value;
    }
    return reading;
  }

  // None where the driver does not tell.
  std::vector<int> ProcessesOf(NvmlDevice device) const {
    if (get_processes == nullptr) return {};
    std::vector<NvmlProcess> running(16);
    auto count = static_cast<unsigned>(running.size());
    NvmlReturn result = get_processes(device, &count, running.data());
    while (result == kNvmlInsufficientSize && count > running.size()) {
      // A few more may start meanwhile.
      running.resize(2 * size_t{count});
      count = static_cast<unsigned>(running.size());
      result = get_processes(device, &count, running.data());
    }
    if (result != 0) return {};
    std::vector<int> processes;
    for (unsigned i = 0; i < count; ++i) {
      processes.push_back(static_cast<int>(running[i].pid));
    }
    return processes;
  }

 private:
  template <typename Function>
  void Find(const char* name, Function*& function) {
    function = reinterpret_cast<Function*>(dlsym(handle_, name));
  }
  template <typename Function>
  void Resolve(const char* name, Function*& function) {
    Find(name, function);
    ready_ = ready_ && function != nullptr;
  }

  void* const handle_;
  bool ready_ = true;
};

GpuMonitor::GpuMonitor(std::unique_ptr<Library> library)
    : library_(std::move(library)) {}

GpuMonitor::~GpuMonitor() = default;

std::unique_ptr<GpuMonitor> GpuMonitor::Open(const char* library) {
  void* const handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return nullptr;
  auto opened = std::make_unique<Library>(handle);
  if (!opened->ready()) return nullptr;
  return std::unique_ptr<GpuMonitor>(new GpuMonitor(std::move(opened)));
}

std::vector<Gpu> GpuMonitor::Gpus() const {
  std::vector<Gpu> gpus;
  library_->ForEach([&](NvmlDevice device, std::string uuid) {
    NvmlText name{};
    NvmlMemory memory{};
    if (library_->get_name(device, name.data(), name.size()) != 0 ||
        library_->get_memory(device, &memory) != 0) {
      return;
    }
    gpus.push_back(
        {std::move(uuid), name.data(), static_cast<int64_t>(memory.total)});
  });
  return gpus;
}

std::vector<GpuReading> GpuMonitor::Read() const {
  std::vector<GpuReading> readings;
  library_->ForEach([&](NvmlDevice device, std::string uuid) {
    std::optional<GpuReading> reading =
        library_->Reading(device, std::move(uuid));
    if (reading.has_value()) readings.push_back(*std::move(reading));
  });
  return readings;
}

std::optional<GpuReading> GpuMonitor::ReadOne(absl::string_view wanted) const {
  std::optional<GpuReading> reading;
  library_->ForEach([&](NvmlDevice device, std::string uuid) {
    if (uuid == wanted) reading = library_->Reading(device, std::move(uuid));
  });
  return reading;
}

std::vector<GpuUse> GpuMonitor::Uses() const {
  std::vector<GpuUse> uses;
  library_->ForEach([&](NvmlDevice device, std::string uuid) {
    NvmlMemory memory{};
    if (library_->get_memory(device, &memory) != 0) return;
    uses.push_back({.uuid = std::move(uuid),
                    .memory_used_bytes = static_cast<int64_t>(memory.used),
                    .processes = library_->ProcessesOf(device)});
  });
  return uses;
}

void GpuMonitor::WatchErrors() {
  Library& nvml = *library_;
  if (nvml.create_events == nullptr || nvml.free_events == nullptr ||
      nvml.register_events == nullptr || nvml.wait_event == nullptr ||
      nvml.events != nullptr) {
    return;
  }
  NvmlEventSet events = nullptr;
  if (nvml.create_events(&events) != 0) return;
  nvml.events = events;
  nvml.ForEach([&](NvmlDevice device, std::string uuid) {
    // Some GPUs have none, as in a partition of a virtual one.
    if (nvml.register_events(device, kNvmlEventXid, nvml.events) != 0) return;
    nvml.watched.emplace_back(device, std::move(uuid));
  });
}

std::vector<GpuError> GpuMonitor::TakeErrors() const {
  const Library& nvml = *library_;
  std::vector<GpuError> errors;
  if (nvml.watched.empty()) return errors;
  NvmlEvent event{};
  for (int i = 0; i < kMostErrors; ++i) {
    if (nvml.wait_event(nvml.events, &event, /*milliseconds=*/0) != 0) break;
    if (event.type != kNvmlEventXid) continue;
    for (const auto& [device, uuid] : nvml.watched) {
      if (device == event.device) errors.push_back({uuid, event.data});
    }
  }
  return errors;
}

std::vector<Gpu> FindGpus(const char* library) {
  const std::unique_ptr<GpuMonitor> monitor = GpuMonitor::Open(library);
  return monitor == nullptr ? std::vector<Gpu>() : monitor->Gpus();
}

}  // namespace lockstep
