#ifndef LOCKSTEP_TESTS_WORKER_COMM_COMMUNICATOR_CONTRACT_H_
#define LOCKSTEP_TESTS_WORKER_COMM_COMMUNICATOR_CONTRACT_H_

// What every Communicator does, on groups of several sizes; ranks are threads.
// communicator_contract.cc holds the tests, and each test program names the
// backends that it has the machine for.

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "worker/comm/communicator.h"

namespace lockstep {

using CommunicatorGroup = std::vector<std::unique_ptr<Communicator>>;

struct CommunicatorBackend {
  std::string name;
  std::function<CommunicatorGroup(int world_size)> make;
  int world_size = 1;
  // Rank r's tensors lie on GPU r.
  bool on_gpus = false;
};

// Runs `work(rank)` for all ranks at once, each with its GPU as the current
// one where there is one.
void OnAllRanks(int world_size, bool on_gpus,
                const std::function<void(int rank)>& work);

// `make`, on all ranks at once.
CommunicatorGroup ConnectAll(
    int world_size, bool on_gpus,
    const std::function<
        absl::StatusOr<std::unique_ptr<Communicator>>(int rank)>& make);

class CommunicatorTest : public testing::TestWithParam<CommunicatorBackend> {
 protected:
  CommunicatorTest() : group_(GetParam().make(GetParam().world_size)) {}

  void Run(const std::function<void(Communicator&)>& work) {
    OnAllRanks(world_size(), GetParam().on_gpus,
               [&](int rank) { work(*group_[rank]); });
  }

  // Where the tensors of `rank` lie.
  at::Device device(const Communicator& self) const {
    return GetParam().on_gpus
               ? at::Device(at::kCUDA, static_cast<int8_t>(self.rank()))
               : at::Device(at::kCPU);
  }
  int world_size() const { return GetParam().world_size; }

  CommunicatorGroup group_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_TESTS_WORKER_COMM_COMMUNICATOR_CONTRACT_H_
