#include "worker/comm/gloo_communicator.h"

// Before the include: c10d leaves Gloo's class out without it.
#define USE_C10D_GLOO 1
#include <ATen/ATen.h>

#include <atomic>
#include <exception>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker/comm/coordinator_store.h"

namespace lockstep {
namespace {

class GlooCommunicator : public Communicator {
 public:
  GlooCommunicator(c10::intrusive_ptr<c10d::ProcessGroupGloo> group,
                   const GlooOptions& options)
      : group_(std::move(group)), options_(options) {}

  int rank() const override { return options_.rank; }
  int world_size() const override { return options_.world_size; }

  absl::Status AllReduceSum(at::Tensor& buffer) override {
    return Run("all-reduce", [&] {
      std::vector<at::Tensor> tensors{buffer};
      group_->allreduce(tensors)->wait();
    });
  }

  absl::StatusOr<std::vector<at::Tensor>> AllGather(
      const at::Tensor& input) override {
    std::vector<std::vector<at::Tensor>> outputs(1);
    for (int i = 0; i < world_size(); ++i) {
      outputs[0].push_back(at::empty_like(input));
    }
    absl::Status status = Run("all-gather", [&] {
      std::vector<at::Tensor> inputs{input};
      group_->allgather(outputs, inputs)->wait();
    });
    if (!status.ok()) return status;
    return outputs[0];
  }

  absl::Status Broadcast(at::Tensor& buffer, int root) override {
    return Run("broadcast", [&] {
      std::vector<at::Tensor> tensors{buffer};
      c10d::BroadcastOptions options;
      options.rootRank = root;
      group_->broadcast(tensors, options)->wait();
    });
  }

  absl::Status Barrier() override {
    return Run("barrier", [&] { group_->barrier()->wait(); });
  }

  // Gloo cannot interrupt a collective that waits; ending the process does.
  void Abort() override { aborted_ = true; }

 private:
  template <typename Collective>
  absl::Status Run(const char* name, Collective collective) {
    if (aborted_) {
      return absl::UnavailableError(
          absl::StrCat(name, " of rank ", rank(), " after an abort"));
    }
    try {
      collective();
    } catch (const std::exception& error) {
      aborted_ = true;
      return absl::UnavailableError(
          absl::StrCat(name, " of rank ", rank(), " of ", world_size(),
                       " failed, a peer is gone or silent: ", error.what()));
    }
    return absl::OkStatus();
  }

  const c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
  const GlooOptions options_;
  std::atomic<bool> aborted_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Communicator>> ConnectGloo(
    Coordinator& coordinator, const GlooOptions& options) {
  try {
    auto store = c10::make_intrusive<CoordinatorStore>(
        coordinator, options.rendezvous_timeout);
    auto gloo = c10d::ProcessGroupGloo::Options::create(
        absl::ToChronoMilliseconds(options.timeout));
    gloo->devices.push_back(
        c10d::ProcessGroupGloo::createDeviceForHostname(options.bind_address));
    gloo->threads = 1;
    return std::make_unique<GlooCommunicator>(
        c10::make_intrusive<c10d::ProcessGroupGloo>(store, options.rank,
                                                    options.world_size, gloo),
        options);
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        absl::StrCat("rank ", options.rank, " of ", options.world_size,
                     " cannot meet the others through Gloo at ",
                     options.bind_address, ": ", error.what()));
  }
}

}  // namespace lockstep
