#include "server/service/stream_pump.h"

#include <utility>

#include "absl/time/time.h"
#include "proto/contract/monotonic_time.h"

namespace lockstep {

StreamPump::StreamPump() : thread_([this] { Run(); }) {}

StreamPump::~StreamPump() {
  {
    absl::MutexLock lock(&mu_);
    ending_ = true;
  }
  thread_.join();
}

void StreamPump::Wake(std::weak_ptr<Stream> stream) {
  absl::MutexLock lock(&mu_);
  ready_.push_back(std::move(stream));
}

void StreamPump::WakeAfter(absl::Duration delay, std::weak_ptr<Stream> stream) {
  const absl::Time due = MonotonicNow() + delay;
  absl::MutexLock lock(&mu_);
  if (timers_.empty() || due < timers_.begin()->first) timers_changed_ = true;
  timers_.emplace(due, std::move(stream));
}

void StreamPump::Register(const std::shared_ptr<Stream>& stream) {
  absl::MutexLock lock(&mu_);
  streams_[stream.get()] = stream;
}

void StreamPump::Unregister(const Stream* stream) {
  absl::MutexLock lock(&mu_);
  streams_.erase(stream);
}

void StreamPump::Stop() {
  absl::MutexLock lock(&mu_);
  stopping_ = true;
  for (const auto& [pointer, stream] : streams_) ready_.push_back(stream);
}

bool StreamPump::stopping() const {
  absl::MutexLock lock(&mu_);
  return stopping_;
}

std::deque<std::weak_ptr<StreamPump::Stream>> StreamPump::WaitForWork() {
  const auto work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return !ready_.empty() || ending_ || timers_changed_;
  };
  absl::MutexLock lock(&mu_);
  mu_.AwaitWithTimeout(absl::Condition(&work),
                       timers_.empty() ? absl::InfiniteDuration()
                                       : TimeLeft(timers_.begin()->first));
  timers_changed_ = false;
  const absl::Time now = MonotonicNow();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    ready_.push_back(std::move(timers_.begin()->second));
    timers_.erase(timers_.begin());
  }
  return std::exchange(ready_, {});
}

void StreamPump::Run() {
  while (true) {
    const std::deque<std::weak_ptr<Stream>> ready = WaitForWork();
    {
      absl::MutexLock lock(&mu_);
      if (ending_) return;
    }
    for (const std::weak_ptr<Stream>& waiting : ready) {
      const std::shared_ptr<Stream> stream = waiting.lock();
      if (stream != nullptr) stream->Pump();
    }
  }
}

}  // namespace lockstep
