#include "tests/benchmarks/load/closed_loop.h"

#include <atomic>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "tests/benchmarks/load/percentile.h"

namespace lockstep::load {
namespace {

class Loop {
 public:
  Loop(int64_t calls, const StartCall& start) : calls_(calls), start_(start) {}

  // What `client` does at first, and after each answer.
  void Next(int client) {
    const int64_t number = next_.fetch_add(1);
    if (number >= calls_) return;
    const absl::Time begun = absl::Now();
    start_(client, number, [this, client, begun](const grpc::Status& status) {
      if (!Count(absl::Now() - begun, status)) Next(client);
    });
  }

  LoopFigures Wait() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(
        +[](Loop* loop) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
          return static_cast<int64_t>(loop->waits_ms_.size()) == loop->calls_;
        },
        this));
    figures_.calls = calls_;
    figures_.per_second =
        static_cast<double>(calls_) / absl::ToDoubleSeconds(end_ - begin_);
    figures_.p50_ms = Percentile(waits_ms_, 0.50);
    figures_.p99_ms = Percentile(waits_ms_, 0.99);
    return figures_;
  }

 private:
  // Whether it was the last one.
  bool Count(absl::Duration took, const grpc::Status& status) {
    absl::MutexLock lock(&mu_);
    waits_ms_.push_back(absl::ToDoubleMilliseconds(took));
    if (!status.ok() && ++figures_.failed == 1) {
      figures_.failure = status.error_message();
    }
    end_ = absl::Now();
    return static_cast<int64_t>(waits_ms_.size()) == calls_;
  }

  const int64_t calls_;
  const StartCall& start_;
  const absl::Time begin_ = absl::Now();
  std::atomic<int64_t> next_ = 0;
  absl::Mutex mu_;
  absl::Time end_ ABSL_GUARDED_BY(mu_);
  std::vector<double> waits_ms_ ABSL_GUARDED_BY(mu_);
  LoopFigures figures_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

LoopFigures RunClosedLoop(int clients, int64_t calls, const StartCall& start) {
  Loop loop(calls, start);
  for (int client = 0; client < clients; ++client) loop.Next(client);
  return loop.Wait();
}

}  // namespace lockstep::load
