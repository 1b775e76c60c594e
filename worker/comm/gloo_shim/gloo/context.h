#ifndef LOCKSTEP_WORKER_COMM_GLOO_SHIM_GLOO_CONTEXT_H_
#define LOCKSTEP_WORKER_COMM_GLOO_SHIM_GLOO_CONTEXT_H_
// Stands in for Gloo's header, which the wheel does not ship: enough for
// ProcessGroupGloo.hpp. Objects of this class are made inside libtorch only.
#include <chrono>
#include <memory>

namespace gloo {
namespace transport {
class Device;
class UnboundBuffer;
}  // namespace transport
class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};
}  // namespace gloo

#endif  // LOCKSTEP_WORKER_COMM_GLOO_SHIM_GLOO_CONTEXT_H_
