#ifndef LOCKSTEP_WORKER_COMM_GLOO_SHIM_GLOO_TRANSPORT_DEVICE_H_
#define LOCKSTEP_WORKER_COMM_GLOO_SHIM_GLOO_TRANSPORT_DEVICE_H_
// Stands in for Gloo's header; see gloo/context.h.
namespace gloo::transport {
class Device;
class UnboundBuffer;
}  // namespace gloo::transport

#endif  // LOCKSTEP_WORKER_COMM_GLOO_SHIM_GLOO_TRANSPORT_DEVICE_H_
