#ifndef LOCKSTEP_WORKER_COMM_GLOO_SHIM_GLOO_RENDEZVOUS_STORE_H_
#define LOCKSTEP_WORKER_COMM_GLOO_SHIM_GLOO_RENDEZVOUS_STORE_H_
// Stands in for Gloo's header; see gloo/context.h. ProcessGroupGloo derives
// from this class inside libtorch; nobody else makes one.
#include <chrono>
#include <string>
#include <vector>

namespace gloo::rendezvous {
class Store {
 public:
  virtual ~Store();
  virtual void set(const std::string&, const std::vector<char>&) = 0;
  virtual std::vector<char> get(const std::string&) = 0;
  virtual void wait(const std::vector<std::string>&) = 0;
  virtual void wait(const std::vector<std::string>&,
                    const std::chrono::milliseconds&) = 0;
};
}  // namespace gloo::rendezvous

#endif  // LOCKSTEP_WORKER_COMM_GLOO_SHIM_GLOO_RENDEZVOUS_STORE_H_
