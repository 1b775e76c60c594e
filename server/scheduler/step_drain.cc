// A drain: what runs goes on to its end, and nothing new starts, until somebody
// says so. It outlives the coordinator.

#include "server/scheduler/proto_time.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

void Drain(Decision& decision) {
  server::CoordinatorRecord& coordinator = decision.state().coordinator;
  *coordinator.mutable_drain_time() = ToProto(decision.wall());
  decision.Write(coordinator);
}

void Undrain(Decision& decision) {
  SchedulerState& state = decision.state();
  state.coordinator.clear_drain_time();
  decision.Write(state.coordinator);
  // The policy says it of the others.
  for (const auto& [place, name] : state.unprepared) {
    Wait(decision, state.jobs.at(name), v1::Job::PREPARATION, kNotPrepared);
  }
}

}  // namespace

void OnDrain(Decision& decision, const DrainEvent& event) {
  SchedulerState& state = decision.state();
  decision.Ack(event.ticket, absl::OkStatus());
  if (event.drain == state.draining()) return;
  event.drain ? Drain(decision) : Undrain(decision);
  state.schedule = true;
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
