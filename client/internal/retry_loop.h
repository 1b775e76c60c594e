#ifndef LOCKSTEP_CLIENT_INTERNAL_RETRY_LOOP_H_
#define LOCKSTEP_CLIENT_INTERNAL_RETRY_LOOP_H_

// The one place where a client tries again: after UNAVAILABLE, waiting longer
// each time, until its patience is used up. Time is only what was slept, so a
// test with a fake sleeper is exact.

#include <algorithm>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/contract/errors.h"

namespace lockstep::internal {

class Sleeper {
 public:
  virtual ~Sleeper() = default;
  // False when interrupted: give up.
  virtual bool Sleep(absl::Duration duration) = 0;
};

struct RetryPolicy {
  absl::Duration first_delay = absl::Milliseconds(100);
  absl::Duration max_delay = absl::Seconds(2);
  // Sum of the delays after which the last error is returned.
  absl::Duration patience = absl::Seconds(1);
};

// The delays of one call or, for a stream, of one interruption.
class Backoff {
 public:
  Backoff(const RetryPolicy& policy, Sleeper& sleeper)
      : policy_(policy), sleeper_(sleeper), next_(policy.first_delay) {}

  // Waits before another try; false when patience is used up or the sleeper
  // was interrupted.
  bool Wait() {
    const absl::Duration delay = std::min(next_, policy_.patience - slept_);
    if (delay <= absl::ZeroDuration()) return false;
    slept_ += delay;
    next_ = std::min(2 * next_, policy_.max_delay);
    return sleeper_.Sleep(delay);
  }

  // The other side answered.
  void Reset() {
    next_ = policy_.first_delay;
    slept_ = absl::ZeroDuration();
  }

 private:
  const RetryPolicy policy_;
  Sleeper& sleeper_;
  absl::Duration next_;
  absl::Duration slept_ = absl::ZeroDuration();
};

// A coordinator that is drained is not away: it says no, and for long.
inline bool MayRetry(const absl::Status& status) {
  return absl::IsUnavailable(status) && ErrorReason(status) != "DRAINING";
}

// Calls `call`, which returns a StatusOr, until it gives anything but
// UNAVAILABLE.
template <typename Call>
auto RetryLoop(const RetryPolicy& policy, Sleeper& sleeper, bool idempotent,
               Call call) -> decltype(call()) {
  Backoff backoff(policy, sleeper);
  auto result = call();
  while (idempotent && !result.ok() && MayRetry(result.status()) &&
         backoff.Wait()) {
    result = call();
  }
  return result;
}

// Runs a stream from `request` until it ends: `read(request, on_message)` reads
// until an end or error. Remembers the token of every message in the request.
template <typename Request, typename Response, typename Read,
          typename OnMessage>
absl::Status ResumeLoop(const RetryPolicy& policy, Sleeper& sleeper,
                        Request request, Read read,
                        const OnMessage& on_message) {
  Backoff backoff(policy, sleeper);
  while (true) {
    absl::Status status = read(request, [&](const Response& response) {
      backoff.Reset();
      if (!response.resume_token().empty()) {
        request.set_resume_token(response.resume_token());
      }
      return on_message(response);
    });
    if (!MayRetry(status) || !backoff.Wait()) return status;
  }
}

}  // namespace lockstep::internal

#endif  // LOCKSTEP_CLIENT_INTERNAL_RETRY_LOOP_H_
