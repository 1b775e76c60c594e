#ifndef LOCKSTEP_SERVER_SCHEDULER_EFFECT_RUNNER_H_
#define LOCKSTEP_SERVER_SCHEDULER_EFFECT_RUNNER_H_

// Does what Step decided, once it is on disk: answers, starts processes, opens
// and closes attempts. Runs on the scheduler's thread, without locks held.

#include <functional>
#include <map>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/scheduler/command_board.h"
#include "server/scheduler/rank_watch.h"
#include "server/scheduler/scheduler_options.h"
#include "server/scheduler/step.h"

namespace lockstep {

// The callers who wait for an answer. Thread-safe.
class WaitingCallers {
 public:
  Ticket Add(Scheduler::Reply<SharedJob> reply);
  Ticket Add(Scheduler::Reply<v1::JobExplanation> reply);
  Ticket Add(Scheduler::Reply<v1::Queue> reply);
  Ticket Add(Scheduler::Reply<v1::ListQueuesResponse> reply);
  Ticket Add(Scheduler::Ack ack);
  void Answer(Ticket ticket, absl::StatusOr<SharedJob> job);
  void Answer(Ticket ticket, absl::StatusOr<v1::JobExplanation> explanation);
  void Answer(Ticket ticket, absl::StatusOr<v1::Queue> queue);
  void Answer(Ticket ticket, absl::StatusOr<v1::ListQueuesResponse> queues);
  void Answer(Ticket ticket, absl::Status status);
  // Everyone who still waits.
  void FailAll(const absl::Status& status);

 private:
  using Caller =
      std::variant<Scheduler::Reply<SharedJob>,
                   Scheduler::Reply<v1::JobExplanation>,
                   Scheduler::Reply<v1::Queue>,
                   Scheduler::Reply<v1::ListQueuesResponse>, Scheduler::Ack>;

  template <typename Reply>
  Ticket Keep(Reply reply);

  Caller Take(Ticket ticket);

  absl::Mutex mu_;
  Ticket next_ ABSL_GUARDED_BY(mu_) = 1;
  std::map<Ticket, Caller> callers_ ABSL_GUARDED_BY(mu_);
};

class EffectRunner {
 public:
  EffectRunner(const SchedulerOptions& options, const Scheduler::Parts& parts,
               CommandBoard& board, RankWatch& watch, WaitingCallers& callers,
               std::function<void(LaunchedEvent)> on_launched);

  void Run(std::vector<Effect> effects);

 private:
  void Do(ReplyEffect effect);
  void Do(ExplainEffect effect);
  void Do(QueueEffect effect);
  void Do(QueuesEffect effect);
  void Do(AckEffect effect);
  void Do(PutTokenEffect effect);
  void Do(const OpenRendezvousEffect& effect);
  void Do(const StartRendezvousEffect& effect);
  void Do(const LaunchEffect& effect);
  void Do(const WelcomeEffect& effect);
  void Do(const SignalEffect& effect);
  void Do(const StopCommandEffect& effect);
  void Do(const CloseEffect& effect);
  void Do(const ProgressEffect& effect);
  void Do(const GoodputEffect& effect);
  void Do(const RemoveFilesEffect& effect);

  const SchedulerOptions options_;
  const Scheduler::Parts parts_;
  CommandBoard& board_;
  RankWatch& watch_;
  WaitingCallers& callers_;
  const std::function<void(LaunchedEvent)> on_launched_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_EFFECT_RUNNER_H_
