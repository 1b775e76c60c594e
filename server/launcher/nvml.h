#ifndef LOCKSTEP_SERVER_LAUNCHER_NVML_H_
#define LOCKSTEP_SERVER_LAUNCHER_NVML_H_

// The GPUs of this host, as NVIDIA's management library tells. It comes with
// the driver, so it is opened when there is one, and nothing links it.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lockstep {

inline constexpr char kNvmlLibrary[] = "libnvidia-ml.so.1";

struct Gpu {
  std::string uuid;
  // Product name, for people.
  std::string name;
  int64_t memory_bytes = 0;
};

// A GPU at this moment, whoever uses it. What it does not tell is absent.
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
  std::vector<GpuUse> Uses() const;

 private:
  class Library;

  explicit GpuMonitor(std::unique_ptr<Library> library);

  const std::unique_ptr<Library> library_;
};

// Those of GpuMonitor; empty without one.
std::vector<Gpu> FindGpus(const char* library = kNvmlLibrary);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_NVML_H_
