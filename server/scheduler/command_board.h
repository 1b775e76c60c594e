#ifndef LOCKSTEP_SERVER_SCHEDULER_COMMAND_BOARD_H_
#define LOCKSTEP_SERVER_SCHEDULER_COMMAND_BOARD_H_

// What ranks and supervisors of live attempts are to be told. Written by the
// scheduler's effects, read by WorkerService. Thread-safe.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "lockstep/worker/v1/worker_service.pb.h"
#include "server/scheduler/attempt_tokens.h"
#include "server/scheduler/scheduler.h"

namespace lockstep {

class CommandBoard {
 public:
  CommandBoard();

  // From now on this attempt is told to stop within `grace`.
  void Stop(const AttemptRef& attempt, absl::Duration grace);
  // From now on its ranks are told to write a checkpoint and then to stop; its
  // supervisor, who would not wait for them, is not.
  void StopWithCheckpoint(const AttemptRef& attempt);
  // The attempt has ended.
  void Remove(const AttemptRef& attempt);

  worker::v1::HeartbeatResponse::Command ForRank(
      const AttemptRef& attempt) const;
  worker::v1::AttachResponse ForSupervisor(const AttemptRef& attempt) const;

  // `wake` runs when what this attempt is told has changed, and when it has
  // ended; on the scheduler's thread, while other subscriptions may not end: it
  // must not block.
  std::unique_ptr<Scheduler::CommandSubscription> Subscribe(
      const AttemptRef& attempt, std::function<void()> wake);

 private:
  using Key = std::pair<std::string, int>;
  struct Order {
    bool checkpoint = false;
    absl::Duration grace = absl::ZeroDuration();
  };
  struct Subscribers;
  class Subscription;

  void Wake(const AttemptRef& attempt);
  static Key KeyOf(const AttemptRef& attempt) {
    return {attempt.job, attempt.attempt};
  }

  mutable absl::Mutex mu_;
  std::map<Key, Order> stopping_ ABSL_GUARDED_BY(mu_);
  // Shared with the subscriptions, which may outlive the board.
  const std::shared_ptr<Subscribers> subscribers_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_COMMAND_BOARD_H_
