#include "worker/comm/local_communicator.h"

#include <ATen/ATen.h>

#include <functional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

// Where the threads meet: each collective is one round. Every rank brings its
// tensor, the last to come works on all of them, and nobody leaves before.
class MeetingPoint {
 public:
  using Work = std::function<void(std::vector<at::Tensor>&)>;

  explicit MeetingPoint(int world_size) : tensors_(world_size) {}

  int world_size() const { return static_cast<int>(tensors_.size()); }

  absl::Status Meet(int rank, const at::Tensor& tensor, const Work& work) {
    absl::MutexLock lock(&mu_);
    if (aborted_) return Aborted();
    tensors_[rank] = tensor;
    if (++arrived_ == world_size()) {
      work(tensors_);
      arrived_ = 0;
      ++round_;
      return absl::OkStatus();
    }
    const int64_t mine = round_;
    auto done = [this, mine]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return aborted_ || round_ != mine;
    };
    mu_.Await(absl::Condition(&done));
    return round_ != mine ? absl::OkStatus() : Aborted();
  }

  void Abort() {
    absl::MutexLock lock(&mu_);
    aborted_ = true;
  }

 private:
  static absl::Status Aborted() {
    return absl::UnavailableError("a rank of the local group gave up");
  }

  absl::Mutex mu_;
  std::vector<at::Tensor> tensors_ ABSL_GUARDED_BY(mu_);
  int arrived_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t round_ ABSL_GUARDED_BY(mu_) = 0;
  bool aborted_ ABSL_GUARDED_BY(mu_) = false;
};

class LocalCommunicator : public Communicator {
 public:
  LocalCommunicator(std::shared_ptr<MeetingPoint> point, int world_size,
                    int rank)
      : point_(std::move(point)), world_size_(world_size), rank_(rank) {}

  int rank() const override { return rank_; }
  int world_size() const override { return world_size_; }

  absl::Status AllReduceSum(at::Tensor& buffer) override {
    if (world_size_ == 1) return absl::OkStatus();
    return point_->Meet(rank_, buffer, [](std::vector<at::Tensor>& all) {
      for (size_t i = 1; i < all.size(); ++i) all[0].add_(all[i]);
      for (size_t i = 1; i < all.size(); ++i) all[i].copy_(all[0]);
    });
  }

  absl::Status BeginAllGather(const at::Tensor& input,
                              const at::Tensor& output) override {
    // Each rank brings a stack with its own place filled; the last to come
    // copies each place into every stack.
    const auto of = [](const at::Tensor& stack, size_t rank) {
      return stack.select(0, static_cast<int64_t>(rank));
    };
    of(output, rank_).copy_(input);
    return point_->Meet(rank_, output, [of](std::vector<at::Tensor>& all) {
      for (size_t from = 0; from < all.size(); ++from) {
        for (size_t to = 0; to < all.size(); ++to) {
          if (to != from) of(all[to], from).copy_(of(all[from], from));
        }
      }
    });
  }

  absl::Status Broadcast(at::Tensor& buffer, int root) override {
    return point_->Meet(rank_, buffer, [root](std::vector<at::Tensor>& all) {
      for (size_t i = 0; i < all.size(); ++i) {
        if (static_cast<int>(i) != root) all[i].copy_(all[root]);
      }
    });
  }

  absl::Status Barrier() override {
    return point_->Meet(rank_, at::Tensor(), [](std::vector<at::Tensor>&) {});
  }

  void Abort() override { point_->Abort(); }

 private:
  const std::shared_ptr<MeetingPoint> point_;
  const int world_size_;
  const int rank_;
};

}  // namespace

std::vector<std::unique_ptr<Communicator>> MakeLocalGroup(int world_size) {
  // Shared: the last rank to leave takes the meeting point with it.
  auto point = std::make_shared<MeetingPoint>(world_size);
  std::vector<std::unique_ptr<Communicator>> group;
  for (int rank = 0; rank < world_size; ++rank) {
    group.push_back(
        std::make_unique<LocalCommunicator>(point, world_size, rank));
  }
  return group;
}

}  // namespace lockstep
