#ifndef LOCKSTEP_SERVER_LAUNCHER_NVML_H_
#define LOCKSTEP_SERVER_LAUNCHER_NVML_H_

// The GPUs of this host, as NVIDIA's management library tells. It comes with
// the driver, so it is opened when there is one, and nothing links it.

#include <cstdint>
#include <string>
#include <vector>

namespace lockstep {

struct Gpu {
  std::string uuid;
  // Product name, for people.
  std::string name;
  int64_t memory_bytes = 0;
};

// By index. Empty where there is no driver, or none that answers; a GPU that
// does not answer is left out.
std::vector<Gpu> FindGpus(const char* library = "libnvidia-ml.so.1");

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_NVML_H_
