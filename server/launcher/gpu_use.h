#ifndef LOCKSTEP_SERVER_LAUNCHER_GPU_USE_H_
#define LOCKSTEP_SERVER_LAUNCHER_GPU_USE_H_

// Whether a GPU is somebody else's at the moment: a job that is put beside a
// stranger's runs out of memory, and slows both down. Pure.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "proto/contract/nvml.h"

namespace lockstep {

// What may be in use of a GPU that nobody computes on: the driver keeps up to a
// GiB, a desktop about as much.
inline constexpr int64_t kIdleGpuBytes = int64_t{2} << 30;

// Devices that others use, by id, each with how.
using ForeignUses = std::map<std::string, std::string>;

// In words, for people; empty when nobody but us uses it. `is_ours` tells a
// process that this coordinator has started. In a container others' processes
// may be hidden, or have ids that mean nothing there: then memory that is in
// use tells of them.
std::string ForeignUse(const GpuUse& use,
                       const std::function<bool(int process)>& is_ours);

// Of several.
ForeignUses ForeignUsesOf(const std::vector<GpuUse>& uses,
                          const std::function<bool(int process)>& is_ours);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_GPU_USE_H_
