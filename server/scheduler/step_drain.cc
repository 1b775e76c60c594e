// A drain: what trains writes a checkpoint and stops, and nothing new starts,
// until somebody says so. It outlives the coordinator.

#include "absl/strings/str_cat.h"
#include "server/scheduler/proto_time.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

void Begin(Decision& decision) {
  server::CoordinatorRecord& coordinator = decision.state().coordinator;
  *coordinator.mutable_drain_time() = ToProto(decision.wall());
  decision.Write(coordinator);
  decision.state().schedule = true;
}

void StopAll(Decision& decision) {
  SchedulerState& state = decision.state();
  for (const std::string& name : state.live) {
    JobEntry& entry = state.jobs.at(name);
    // One that is being stopped already goes on with that.
    if (LiveAttemptOf(entry.job())->state() == v1::Attempt::DRAINING) continue;
    DrainAttempt(decision, entry);
    decision.Record(entry, v1::Event::INFO, "DRAINED",
                    "the coordinator is drained; the ranks stop",
                    entry.job().attempt());
  }
}

void End(Decision& decision) {
  SchedulerState& state = decision.state();
  state.coordinator.clear_drain_time();
  decision.Write(state.coordinator);
  // The policy says it of the others.
  for (const auto& [place, name] : state.unprepared) {
    Wait(decision, state.jobs.at(name), v1::Job::PREPARATION, kNotPrepared);
  }
  state.schedule = true;
}

void GiveVerdict(JobEntry& entry, const std::string& message) {
  worker::v1::RankFailure& verdict = entry.live.verdict.emplace();
  verdict.set_cause(v1::Attempt::PREEMPTED);
  verdict.set_message(message);
}

}  // namespace

void OnDrain(Decision& decision, const DrainEvent& event) {
  decision.Ack(event.ticket, absl::OkStatus());
  const bool draining = decision.state().draining();
  if (!event.drain) {
    if (draining) End(decision);
    return;
  }
  if (!draining) Begin(decision);
  if (!event.let_run) StopAll(decision);
}

void DrainAttempt(Decision& decision, JobEntry& entry) {
  server::ProcessRecord& process =
      *MutableProcess(entry, entry.job().attempt());
  process.set_drained(true);
  entry.live.drained = true;
  decision.Touch(entry);
  if (!process.joined()) {
    GiveVerdict(entry, "the coordinator was drained before it began");
    StopAttempt(decision, entry);
    return;
  }
  MutableLiveAttempt(entry)->set_state(v1::Attempt::DRAINING);
  decision.Do(StopCommandEffect{{entry.job().name(), entry.job().attempt()},
                                /*checkpoint=*/true});
  entry.live.kill_at = decision.now() + decision.options().drain_grace;
}

void GiveUpCheckpoint(Decision& decision, JobEntry& entry) {
  if (!entry.live.drained || entry.live.verdict.has_value() ||
      entry.job().desired() == v1::Job::CANCEL) {
    return;
  }
  const std::string message = absl::StrCat(
      "the coordinator was drained, and no checkpoint came within ",
      absl::FormatDuration(decision.options().drain_grace));
  GiveVerdict(entry, message);
  decision.Record(entry, v1::Event::WARNING, "CHECKPOINT_MISSED",
                  absl::StrCat(message, "; the ranks are killed"),
                  entry.job().attempt());
}

void HoldBack(Decision& decision) {
  SchedulerState& state = decision.state();
  for (const JobQueue* queue : {&state.unprepared, &state.prepared}) {
    for (const auto& [place, name] : *queue) {
      Wait(decision, state.jobs.at(name), v1::Job::DRAINING,
           "the coordinator is drained and starts nothing");
    }
  }
}

}  // namespace lockstep
