// Who goes next: prepare for the first unprepared jobs, and what the policy
// says for the prepared ones.

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/scheduler/proto_time.h"
#include "server/scheduler/queue_uses.h"
#include "server/scheduler/scheduling_policy.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

// Who has waited out a failure waits for devices again; who has not is told so.
void EndBackoffs(Decision& decision) {
  SchedulerState& state = decision.state();
  auto& backing_off = state.backing_off;
  while (!backing_off.empty() &&
         backing_off.begin()->first.first <= decision.now()) {
    JoinLine(state, state.jobs.at(backing_off.begin()->second));
    backing_off.erase(backing_off.begin());
  }
  for (const auto& [place, name] : backing_off) {
    if (state.untold.erase(name) == 0) continue;
    JobEntry& entry = state.jobs.at(name);
    const absl::Time at = decision.wall() + (entry.not_before - decision.now());
    Wait(decision, entry, v1::Job::BACKOFF,
         absl::StrCat("waits before the next attempt, which starts ",
                      ClockText(at)));
  }
}

std::vector<SchedulingDecision> AskPolicy(const Decision& decision,
                                          const SchedulerState& state) {
  const QueueUses uses = UsesOf(state);
  const auto time_left = [&](const std::string& job) {
    return TimeLeftAtMost(state, state.live.at(job), decision.now());
  };
  return state.policy->Decide({.line = state.line,
                               .pool = state.pool,
                               .shares = state.shares,
                               .uses = uses,
                               .time_left = time_left});
}

// The job that the newest attempt gave way to, if it did.
std::string TakerOf(const JobEntry& entry) {
  const v1::Job& job = entry.job();
  const server::ProcessRecord* process = FindProcess(entry, job.attempt());
  const bool preempted =
      !job.attempts().empty() &&
      job.attempts().rbegin()->end_cause() == v1::Attempt::PREEMPTED;
  return preempted ? process->taken_by() : "";
}

void KeepWaiting(Decision& decision, JobEntry& entry,
                 const SchedulingDecision& why) {
  const std::set<std::string> makers_of_room =
      decision.state().pool.HoldersOfKept(entry.job().name());
  std::string message = why.message;
  if (!makers_of_room.empty()) {
    absl::StrAppend(&message, "; ", absl::StrJoin(makers_of_room, ", "),
                    makers_of_room.size() == 1 ? " makes room for it"
                                               : " make room for it");
  }
  const std::string taker = TakerOf(entry);
  if (taker.empty() || why.reason == v1::Job::BACKOFF ||
      why.reason == v1::Job::QUOTA) {
    Wait(decision, entry, why.reason, message);
  } else {
    Wait(decision, entry, v1::Job::PREEMPTED,
         absl::StrCat("gave its devices to ", taker, "; ", message));
  }
}

// Starts who can start, and says of the others why not. Whether it has to be
// done again.
bool Decide(Decision& decision) {
  SchedulerState& state = decision.state();
  std::set<std::string> said = state.pool.Takers();
  for (const SchedulingDecision& next : AskPolicy(decision, state)) {
    JobEntry& entry = state.jobs.at(next.name);
    if (!next.places.empty()) {
      StartAttempt(decision, entry, next.places);
      continue;
    }
    const bool takes =
        next.reason == v1::Job::CAPACITY && Preempt(decision, entry);
    KeepWaiting(decision, entry, next);
    if (takes) return true;
    state.untold.erase(next.name);
    said.insert(next.name);
  }
  for (const std::string& name : std::exchange(state.untold, {})) {
    const WaitingJob* job = state.line.Find(name);
    if (job == nullptr) continue;
    KeepWaiting(decision, state.jobs.at(name),
                {.name = name,
                 .places = {},
                 .reason = v1::Job::PRIORITY,
                 .message = WaitsForOthers(job->demand)});
  }
  // What was said of these may be another thing the next time.
  for (const std::string& name : said) {
    if (state.line.Find(name) != nullptr) state.untold.insert(name);
  }
  return false;
}

}  // namespace

void Wait(Decision& decision, JobEntry& entry, v1::Job::PendingReason reason,
          const std::string& message) {
  // What it waits for after a failure was said when it failed.
  const bool known =
      entry.job().pending_reason() == reason &&
      (entry.job().pending_message() == message || reason == v1::Job::BACKOFF);
  if (known) return;
  v1::Job& job = entry.record.MutableJob();
  job.set_pending_reason(reason);
  job.set_pending_message(message);
  decision.Record(
      entry, v1::Event::INFO, "PENDING",
      absl::StrCat(v1::Job::PendingReason_Name(reason), ": ", message));
}

void StartPrepares(Decision& decision) {
  SchedulerState& state = decision.state();
  while (!state.draining() && !state.unprepared.empty() &&
         state.preparing < decision.options().concurrent_prepares) {
    const std::string name = state.unprepared.begin()->second;
    StartPrepare(decision, state.jobs.at(name));
  }
}

void StartAttempts(Decision& decision) {
  SchedulerState& state = decision.state();
  if (state.draining()) {
    HoldBack(decision);
    state.schedule = false;
    return;
  }
  EndBackoffs(decision);
  if (!state.engine_trouble.empty()) {
    HoldBackForEngine(decision);
    state.schedule = false;
    return;
  }
  // Who takes devices of others keeps what is free as well, which changes what
  // the rest can have.
  while (Decide(decision)) {
  }
  // Its own transitions ask for nothing new.
  state.schedule = false;
}

}  // namespace lockstep
