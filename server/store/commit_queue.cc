#include "server/store/commit_queue.h"

#include <utility>

namespace lockstep {

CommitQueue::CommitQueue(Process process)
    : process_(std::move(process)), thread_([this] { Run(); }) {}

CommitQueue::~CommitQueue() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  thread_.join();
}

void CommitQueue::Push(Pending pending) {
  absl::MutexLock lock(&mu_);
  waiting_.push_back(std::move(pending));
}

bool CommitQueue::Wait(absl::Duration duration) {
  absl::MutexLock lock(&mu_);
  return !mu_.AwaitWithTimeout(absl::Condition(&stopping_), duration);
}

void CommitQueue::Run() {
  const auto work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return !waiting_.empty() || stopping_;
  };
  while (true) {
    std::vector<Pending> batch;
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(&work));
      if (waiting_.empty()) return;
      batch = std::exchange(waiting_, {});
    }
    process_(std::move(batch));
  }
}

}  // namespace lockstep
