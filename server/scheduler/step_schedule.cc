// Who goes next: prepare for the first unprepared jobs, and what the policy
// says for the prepared ones.

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/scheduler/scheduling_policy.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

std::vector<WaitingJob> WaitingJobs(const Decision& decision,
                                    const SchedulerState& state) {
  std::vector<WaitingJob> waiting;
  for (const auto& [place, name] : state.prepared) {
    const JobEntry& entry = state.jobs.at(name);
    waiting.push_back({name, state.pool.DemandOf(entry.job().spec()),
                       entry.not_before - decision.now()});
  }
  return waiting;
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
  if (taker.empty() || why.reason == v1::Job::BACKOFF) {
    Wait(decision, entry, why.reason, message);
  } else {
    Wait(decision, entry, v1::Job::PREEMPTED,
         absl::StrCat("gave its devices to ", taker, "; ", message));
  }
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
  const std::vector<SchedulingDecision> decisions =
      state.policy->Decide(WaitingJobs(decision, state), state.pool);
  for (const SchedulingDecision& next : decisions) {
    JobEntry& entry = state.jobs.at(next.name);
    if (next.places.empty()) {
      // The policy says it of the first in line alone.
      if (next.reason == v1::Job::CAPACITY) Preempt(decision, entry);
      KeepWaiting(decision, entry, next);
    } else {
      StartAttempt(decision, entry, next.places);
    }
  }
  // Its own transitions ask for nothing new.
  state.schedule = false;
}

}  // namespace lockstep
