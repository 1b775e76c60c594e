#ifndef LOCKSTEP_WORKER_COMM_GLOO_SHIM_GLOO_ALGORITHM_H_
#define LOCKSTEP_WORKER_COMM_GLOO_SHIM_GLOO_ALGORITHM_H_
// ProcessGroupGloo.hpp includes this header and uses nothing of it; the wheel
// does not ship Gloo's own headers.
#endif  // LOCKSTEP_WORKER_COMM_GLOO_SHIM_GLOO_ALGORITHM_H_
