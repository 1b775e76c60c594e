#ifndef LOCKSTEP_WORKER_SUPERVISE_VISIBLE_DEVICE_H_
#define LOCKSTEP_WORKER_SUPERVISE_VISIBLE_DEVICE_H_

// What of CUDA_VISIBLE_DEVICES a rank leaves, by its --device. Pure.

#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace lockstep {

// The UUID of a GPU is itself. cuda:K is the K-th entry of what an engine has
// set, or K where it has set nothing. INVALID_ARGUMENT: neither, or there are
// fewer.
absl::StatusOr<std::string> VisibleDevice(
    const std::string& device,
    const std::function<std::string(const char* name)>& environment);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_SUPERVISE_VISIBLE_DEVICE_H_
