// A drain: what trains writes a checkpoint and stops, and nothing new starts,
// until somebody says so. It outlives the coordinator.

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
  for (const auto& [name, holding] : state.live) {
    JobEntry& entry = state.jobs.at(name);
    // One that is being stopped already goes on with that.
    if (LiveAttemptOf(entry.job())->state() == v1::Attempt::DRAINING) continue;
    StopWithCheckpoint(decision, entry,
                       {v1::Attempt::PREEMPTED, kDrainedReason, /*taker=*/""});
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
  for (const auto& [place, name] : state.backing_off) state.untold.insert(name);
  for (const auto& [key, lane] : state.line.lanes()) {
    for (const auto& [order, job] : lane) state.untold.insert(job->name);
  }
  state.schedule = true;
}

void HoldBackOne(Decision& decision, const std::string& name) {
  Wait(decision, decision.state().jobs.at(name), v1::Job::DRAINING,
       "the coordinator is drained and starts nothing");
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

void HoldBack(Decision& decision) {
  SchedulerState& state = decision.state();
  for (const auto& [place, name] : state.unprepared) {
    HoldBackOne(decision, name);
  }
  for (const auto& [place, name] : state.backing_off) {
    HoldBackOne(decision, name);
  }
  for (const auto& [key, lane] : state.line.lanes()) {
    for (const auto& [order, job] : lane) HoldBackOne(decision, job->name);
  }
}

}  // namespace lockstep
