#include "server/scheduler/effect_runner.h"

#include <utility>

#include "proto/contract/check.h"
#include "server/clock.h"

namespace lockstep {

template <typename Reply>
Ticket WaitingCallers::Keep(Reply reply) {
  absl::MutexLock lock(&mu_);
  callers_.emplace(next_, std::move(reply));
  return next_++;
}

Ticket WaitingCallers::Add(Scheduler::Reply<SharedJob> reply) {
  return Keep(std::move(reply));
}

Ticket WaitingCallers::Add(Scheduler::Reply<v1::JobExplanation> reply) {
  return Keep(std::move(reply));
}

Ticket WaitingCallers::Add(Scheduler::Reply<v1::Queue> reply) {
  return Keep(std::move(reply));
}

Ticket WaitingCallers::Add(Scheduler::Reply<v1::ListQueuesResponse> reply) {
  return Keep(std::move(reply));
}

Ticket WaitingCallers::Add(Scheduler::Ack ack) { return Keep(std::move(ack)); }

WaitingCallers::Caller WaitingCallers::Take(Ticket ticket) {
  absl::MutexLock lock(&mu_);
  auto found = callers_.find(ticket);
  // Step answers each caller once.
  LOCKSTEP_CHECK(found != callers_.end());
  Caller caller = std::move(found->second);
  callers_.erase(found);
  return caller;
}

void WaitingCallers::Answer(Ticket ticket, absl::StatusOr<SharedJob> job) {
  std::get<Scheduler::Reply<SharedJob>>(Take(ticket))(std::move(job));
}

void WaitingCallers::Answer(Ticket ticket,
                            absl::StatusOr<v1::JobExplanation> explanation) {
  std::get<Scheduler::Reply<v1::JobExplanation>>(Take(ticket))(
      std::move(explanation));
}

void WaitingCallers::Answer(Ticket ticket, absl::StatusOr<v1::Queue> queue) {
  std::get<Scheduler::Reply<v1::Queue>>(Take(ticket))(std::move(queue));
}

void WaitingCallers::Answer(Ticket ticket,
                            absl::StatusOr<v1::ListQueuesResponse> queues) {
  std::get<Scheduler::Reply<v1::ListQueuesResponse>>(Take(ticket))(
      std::move(queues));
}

void WaitingCallers::Answer(Ticket ticket, absl::Status status) {
  std::get<Scheduler::Ack>(Take(ticket))(std::move(status));
}

void WaitingCallers::FailAll(const absl::Status& status) {
  std::map<Ticket, Caller> callers;
  {
    absl::MutexLock lock(&mu_);
    callers.swap(callers_);
  }
  for (auto& [ticket, caller] : callers) {
    std::visit([&](auto& answer) { answer(status); }, caller);
  }
}

EffectRunner::EffectRunner(const SchedulerOptions& options,
                           const Scheduler::Parts& parts, CommandBoard& board,
                           RankWatch& watch, WaitingCallers& callers,
                           std::function<void(LaunchedEvent)> on_launched)
    : options_(options),
      parts_(parts),
      board_(board),
      watch_(watch),
      callers_(callers),
      on_launched_(std::move(on_launched)) {}

void EffectRunner::Run(std::vector<Effect> effects) {
  for (Effect& effect : effects) {
    std::visit([this](auto& what) { Do(std::move(what)); }, effect);
  }
}

void EffectRunner::Do(ReplyEffect effect) {
  callers_.Answer(effect.ticket, std::move(effect.job));
}

void EffectRunner::Do(ExplainEffect effect) {
  callers_.Answer(effect.ticket, std::move(effect.explanation));
}

void EffectRunner::Do(QueueEffect effect) {
  callers_.Answer(effect.ticket, std::move(effect.queue));
}

void EffectRunner::Do(QueuesEffect effect) {
  callers_.Answer(effect.ticket, absl::StatusOr<v1::ListQueuesResponse>(
                                     std::move(effect.queues)));
}

void EffectRunner::Do(AckEffect effect) {
  callers_.Answer(effect.ticket, std::move(effect.status));
}

void EffectRunner::Do(PutTokenEffect effect) {
  parts_.tokens.Put(effect.digest, std::move(effect.attempt));
}

void EffectRunner::Do(const OpenRendezvousEffect& effect) {
  parts_.rendezvous.Open(effect.attempt, effect.world_size,
                         options_.rendezvous_timeout, effect.joined_before,
                         effect.waits_for_engine);
  if (effect.joined_before) {
    watch_.Open(effect.attempt, effect.world_size, parts_.clock.Now());
  }
}

void EffectRunner::Do(const StartRendezvousEffect& effect) {
  parts_.rendezvous.StartClock(effect.attempt);
}

void EffectRunner::Do(const LaunchEffect& effect) {
  on_launched_(
      {effect.request.attempt, parts_.launcher.Launch(effect.request)});
}

void EffectRunner::Do(const WelcomeEffect& effect) {
  watch_.Open(effect.attempt, effect.world_size, parts_.clock.Now());
  parts_.rendezvous.Welcome(effect.attempt);
}

void EffectRunner::Do(const SignalEffect& effect) {
  // A signal that cannot be sent is followed by the next: kill_at, or the end
  // of the process.
  parts_.launcher.Signal(effect.attempt, effect.kill).IgnoreError();
}

void EffectRunner::Do(const StopCommandEffect& effect) {
  if (effect.checkpoint) {
    board_.StopWithCheckpoint(effect.attempt);
  } else {
    board_.Stop(effect.attempt, effect.grace);
  }
}

void EffectRunner::Do(const CloseEffect& effect) {
  parts_.tokens.Remove(effect.attempt);
  if (effect.attempt.attempt != 0) parts_.rendezvous.Close(effect.attempt);
  watch_.Close(effect.attempt);
  parts_.launcher.Close(effect.attempt);
  board_.Remove(effect.attempt);
}

void EffectRunner::Do(const ProgressEffect& effect) {
  parts_.store.UpdateProgress(effect.name, effect.progress);
}

void EffectRunner::Do(const GoodputEffect& effect) {
  parts_.store.UpdateGoodput(effect.name, effect.goodput, effect.account);
}

void EffectRunner::Do(const RemoveFilesEffect& effect) {
  // What is left is removed by the next start.
  parts_.launcher.RemoveFiles(effect.job_uid).IgnoreError();
}

}  // namespace lockstep
