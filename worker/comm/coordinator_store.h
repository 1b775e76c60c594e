#ifndef LOCKSTEP_WORKER_COMM_COORDINATOR_STORE_H_
#define LOCKSTEP_WORKER_COMM_COORDINATOR_STORE_H_

// The coordinator's keys as c10d::Store, the rendezvous that LibTorch's process
// groups ask for. Only what Gloo uses is there (set, get, wait); anything else
// throws, as Store's interface wants it, and ConnectGloo turns that into a
// Status. Keys belong to one attempt, so an old attempt cannot be met.

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "worker/coordinator/coordinator.h"

namespace lockstep {

class CoordinatorStore : public c10d::Store {
 public:
  CoordinatorStore(Coordinator& coordinator, absl::Duration timeout);

  using c10d::Store::set;
  c10::intrusive_ptr<c10d::Store> clone() override;
  void set(const std::string& key, const std::vector<uint8_t>& value) override;
  // Blocks until the key exists.
  std::vector<uint8_t> get(const std::string& key) override;
  void wait(const std::vector<std::string>& keys) override;
  void wait(const std::vector<std::string>& keys,
            const std::chrono::milliseconds& timeout) override;

  std::vector<uint8_t> compareSet(const std::string& key,
                                  const std::vector<uint8_t>& expected,
                                  const std::vector<uint8_t>& desired) override;
  int64_t add(const std::string& key, int64_t value) override;
  bool deleteKey(const std::string& key) override;
  bool check(const std::vector<std::string>& keys) override;
  int64_t getNumKeys() override;

 private:
  Coordinator& coordinator_;
  const absl::Duration wait_timeout_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_COMM_COORDINATOR_STORE_H_
