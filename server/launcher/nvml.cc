#include "server/launcher/nvml.h"

#include <dlfcn.h>

#include <array>
#include <optional>

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
// NVML_DEVICE_UUID_V2_BUFFER_SIZE and NVML_DEVICE_NAME_V2_BUFFER_SIZE.
using NvmlText = std::array<char, 96>;

// The functions of an opened library.
class Nvml {
 public:
  explicit Nvml(void* library) : library_(library) {
    Resolve("nvmlInit_v2", init);
    Resolve("nvmlShutdown", shutdown);
    Resolve("nvmlDeviceGetCount_v2", get_count);
    Resolve("nvmlDeviceGetHandleByIndex_v2", get_handle);
    Resolve("nvmlDeviceGetUUID", get_uuid);
    Resolve("nvmlDeviceGetName", get_name);
    Resolve("nvmlDeviceGetMemoryInfo", get_memory);
  }

  bool complete() const { return complete_; }

  NvmlReturn (*init)() = nullptr;
  NvmlReturn (*shutdown)() = nullptr;
  NvmlReturn (*get_count)(unsigned* count) = nullptr;
  NvmlReturn (*get_handle)(unsigned index, NvmlDevice* device) = nullptr;
  NvmlReturn (*get_uuid)(NvmlDevice device, char* text,
                         unsigned size) = nullptr;
  NvmlReturn (*get_name)(NvmlDevice device, char* text,
                         unsigned size) = nullptr;
  NvmlReturn (*get_memory)(NvmlDevice device, NvmlMemory* memory) = nullptr;

 private:
  template <typename Function>
  void Resolve(const char* name, Function*& function) {
    function = reinterpret_cast<Function*>(dlsym(library_, name));
    complete_ = complete_ && function != nullptr;
  }

  void* const library_;
  bool complete_ = true;
};

std::optional<Gpu> GpuAt(const Nvml& nvml, unsigned index) {
  NvmlDevice device = nullptr;
  NvmlText uuid{};
  NvmlText name{};
  NvmlMemory memory{};
  if (nvml.get_handle(index, &device) != 0 ||
      nvml.get_uuid(device, uuid.data(), uuid.size()) != 0 ||
      nvml.get_name(device, name.data(), name.size()) != 0 ||
      nvml.get_memory(device, &memory) != 0) {
    return std::nullopt;
  }
  return Gpu{uuid.data(), name.data(), static_cast<int64_t>(memory.total)};
}

std::vector<Gpu> AllGpus(const Nvml& nvml) {
  std::vector<Gpu> gpus;
  unsigned count = 0;
  if (!nvml.complete() || nvml.init() != 0) return gpus;
  if (nvml.get_count(&count) != 0) count = 0;
  for (unsigned index = 0; index < count; ++index) {
    if (std::optional<Gpu> gpu = GpuAt(nvml, index)) gpus.push_back(*gpu);
  }
  nvml.shutdown();
  return gpus;
}

}  // namespace

std::vector<Gpu> FindGpus(const char* library) {
  void* const handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return {};
  std::vector<Gpu> gpus = AllGpus(Nvml(handle));
  dlclose(handle);
  return gpus;
}

}  // namespace lockstep
