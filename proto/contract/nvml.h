#ifndef LOCKSTEP_PROTO_CONTRACT_NVML_H_
#define LOCKSTEP_PROTO_CONTRACT_NVML_H_

// The GPUs of this host, as NVIDIA's management library tells. It comes with
// the driver, so it is opened when there is one, and nothing links it. The
// coordinator looks at all GPUs of its host, a rank of another host at its own
// (worker/coordinator/gpu_gauge.h).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace lockstep {

inline constexpr char kNvmlLibrary[] = "libnvidia-ml.so.1";

struct Gpu {
  std::string uuid;
  // Product name, for people.
  std::string name;
  int64_t memory_bytes = 0;
};

// A GPU at this moment, whoever uses it. What it does not tell is absent. The
// message worker.v1.GpuReading is what a rank sends of it.
struct GpuReading {
  std::string uuid;
  int64_t memory_used_bytes = 0;
  int64_t memory_total_bytes = 0;
  // Share of the last sampling period in which a kernel ran.
  std::optional<double> utilization;
  std::optional<double> power_watts;
  // Since the driver was loaded.
  std::optional<double> energy_joules;
  std::optional<double> temperature_celsius;
  std::optional<double> sm_clock_hertz;
};

// Who uses a GPU at this moment.
struct GpuUse {
  std::string uuid;
  int64_t memory_used_bytes = 0;
  // Ids of the processes that compute on it, as far as the driver shows them.
  std::vector<int> processes;
};

// An error that the driver told of, by its number in NVIDIA's catalogue
// (server/launcher/xid.h).
struct GpuError {
  std::string uuid;
  uint64_t xid = 0;
};

// The open library. Thread-safe, as the library is.
class GpuMonitor {
 public:
  // Null where there is no driver, or none that answers.
  static std::unique_ptr<GpuMonitor> Open(const char* library = kNvmlLibrary);
  ~GpuMonitor();
  GpuMonitor(const GpuMonitor&) = delete;
  GpuMonitor& operator=(const GpuMonitor&) = delete;

  // By index. A GPU that does not answer is left out.
  std::vector<Gpu> Gpus() const;
  std::vector<GpuReading> Read() const;
  // Of the one with that UUID; none when it does not answer.
  std::optional<GpuReading> ReadOne(absl::string_view uuid) const;
  std::vector<GpuUse> Uses() const;

  // Has the driver remember errors from now on, where it and the GPU can. Once,
  // before others use this object.
  void WatchErrors();
  // Those since the last call, oldest first; each is told once, also of a GPU
  // that is gone by now. A storm of them is told in several calls.
  std::vector<GpuError> TakeErrors() const;

 private:
  class Library;

  explicit GpuMonitor(std::unique_ptr<Library> library);

  const std::unique_ptr<Library> library_;
};

// Those of GpuMonitor; empty without one.
std::vector<Gpu> FindGpus(const char* library = kNvmlLibrary);

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_NVML_H_
