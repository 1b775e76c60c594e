#include "worker/comm/gloo_communicator.h"

// Before the include: c10d leaves Gloo's class out without it.
#define USE_C10D_GLOO 1
#include <ATen/ATen.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
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
    return Run("all-reduce", buffer.nbytes(), options_.timeout,
               [&](Timeout timeout) {
                 std::vector<at::Tensor> tensors{buffer};
                 c10d::AllreduceOptions options;
                 options.timeout = timeout;
                 group_->allreduce(tensors, options)->wait();
               });
  }

  absl::Status BeginAllGather(const at::Tensor& input,
                              const at::Tensor& output) override {
    return Run("all-gather", output.nbytes(), options_.timeout,
               [&](Timeout timeout) {
                 std::vector<std::vector<at::Tensor>> outputs{output.unbind()};
                 std::vector<at::Tensor> inputs{input};
                 c10d::AllgatherOptions options;
                 options.timeout = timeout;
                 group_->allgather(outputs, inputs, options)->wait();
               });
  }

  absl::Status Broadcast(at::Tensor& buffer, int root) override {
    return Run("broadcast", buffer.nbytes(), options_.rank0_timeout,
               [&](Timeout timeout) {
                 std::vector<at::Tensor> tensors{buffer};
                 c10d::BroadcastOptions options;
                 options.rootRank = root;
                 options.timeout = timeout;
                 group_->broadcast(tensors, options)->wait();
               });
  }

  absl::Status Barrier() override {
    const absl::Duration longest =
        rank() == 0 ? options_.timeout : options_.rank0_timeout;
    return Run("barrier", /*bytes=*/0, longest, [&](Timeout timeout) {
      c10d::BarrierOptions options;
      options.timeout = timeout;
      // Rank 0 hears the others, and names those it did not.
      group_->monitoredBarrier(options, /*waitAllRanks=*/true);
    });
  }

  // Gloo cannot interrupt a collective that waits; ending the process does.
  void Abort() override { aborted_ = true; }

 private:
  using Timeout = std::chrono::milliseconds;

  template <typename Collective>
  absl::Status Run(const char* name, size_t bytes, absl::Duration timeout,
                   Collective collective) {
    if (aborted_) return AfterAbort(name);
    if (options_.newest != nullptr) options_.newest->Enter(name, bytes);
    const absl::Time start = absl::Now();
    try {
      collective(absl::ToChronoMilliseconds(timeout));
    } catch (const std::exception& error) {
      aborted_ = true;
      // Gloo's exceptions have no type of their own for it.
      if (absl::Now() - start >= timeout) {
        return TooLate(timeout, absl::StrCat(name, ": ", error.what()));
      }
      return absl::UnavailableError(
          absl::StrCat(name, " of rank ", rank(), " of ", world_size(),
                       " failed, a peer is gone or silent: ", error.what()));
    }
    if (options_.newest != nullptr) options_.newest->Leave();
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
