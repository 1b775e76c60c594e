#include "server/scheduler/step.h"

#include <string>
#include <utility>
#include <vector>

#include "server/scheduler/decision.h"
#include "server/scheduler/explain.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

void OnTick(Decision& decision) {
  SchedulerState& state = decision.state();
  // The end of one takes it from the map.
  std::vector<std::string> live;
  for (const auto& [name, holding] : state.live) live.push_back(name);
  for (const std::string& name : live) {
    JobEntry& entry = state.jobs.at(name);
    StopAtTimeLimit(decision, entry);
    if (EndWithoutEngine(decision, entry)) continue;
    if (decision.now() < entry.live.kill_at) continue;
    if (AwaitsCheckpoint(entry)) {
      GiveUpCheckpoint(decision, entry);
      continue;
    }
    entry.live.kill_at = absl::InfiniteDuration();
    decision.Do(SignalEffect{{name, entry.job().attempt()}, /*kill=*/true});
  }
  ForgetOld(decision);
  ChargeAll(decision);
  // A pause after a failure may be over.
  const auto& backing_off = state.backing_off;
  if (!backing_off.empty() &&
      backing_off.begin()->first.first <= decision.now()) {
    state.schedule = true;
  }
}

void OnExplain(Decision& decision, const ExplainEvent& event) {
  absl::StatusOr<JobEntry*> found = decision.Find(event.name);
  if (!found.ok()) {
    decision.Do(ExplainEffect{event.ticket, found.status()});
    return;
  }
  decision.Do(ExplainEffect{
      event.ticket,
      Explain(decision.state(), **found, decision.now(), decision.wall())});
}

struct Dispatch {
  Decision& decision;

  void operator()(CreateEvent& event) { OnCreate(decision, event); }
  void operator()(const CancelEvent& event) { OnCancel(decision, event); }
  void operator()(const PauseEvent& event) { OnPause(decision, event); }
  void operator()(const ResumeEvent& event) { OnResume(decision, event); }
  void operator()(const ExplainEvent& event) { OnExplain(decision, event); }
  void operator()(const UpdateEvent& event) { OnUpdate(decision, event); }
  void operator()(const DeleteEvent& event) { OnDelete(decision, event); }
  void operator()(const DrainEvent& event) { OnDrain(decision, event); }
  void operator()(const DrainDeviceEvent& event) {
    OnDrainDevice(decision, event);
  }
  void operator()(const PreparedEvent& event) { OnPrepared(decision, event); }
  void operator()(const AttachedEvent& event) { OnAttached(decision, event); }
  void operator()(const ReportedEvent& event) { OnReported(decision, event); }
  void operator()(const HeardEvent& event) { OnHeard(decision, event); }
  void operator()(const SlowEvent& event) { OnSlow(decision, event.found); }
  void operator()(const SilenceEvent& event) {
    OnSilence(decision, event.found);
  }
  void operator()(const HangEvent& event) { OnHang(decision, event.found); }
  void operator()(const CheckpointEvent& event) {
    OnCheckpoint(decision, event);
  }
  void operator()(const PinEvent& event) { OnPin(decision, event); }
  void operator()(const RendezvousEvent& event) {
    OnRendezvous(decision, event);
  }
  void operator()(const LaunchedEvent& event) { OnLaunched(decision, event); }
  void operator()(const ProcessEndEvent& event) {
    OnProcessEnd(decision, event);
  }
  void operator()(const ForeignUseEvent& event) {
    SchedulerState& state = decision.state();
    if (state.pool.SetForeignUses(event.uses)) state.schedule = true;
  }
  void operator()(const EngineEvent& event) {
    OnEngineNews(decision, event.news);
  }
  void operator()(const EngineReachEvent& event) {
    OnEngineReach(decision, event.reach);
  }
  void operator()(const CreateQueueEvent& event) {
    OnCreateQueue(decision, event);
  }
  void operator()(const UpdateQueueEvent& event) {
    OnUpdateQueue(decision, event);
  }
  void operator()(const DeleteQueueEvent& event) {
    OnDeleteQueue(decision, event);
  }
  void operator()(const ListQueuesEvent& event) {
    OnListQueues(decision, event);
  }
  void operator()(const RestoreEvent&) { OnRestore(decision); }
  void operator()(const TickEvent&) { OnTick(decision); }
};

}  // namespace

StepResult Step(SchedulerState& state, Event event, StepTime time) {
  Decision decision(state, event, time);
  std::visit(Dispatch{decision}, event.what);
  decision.ForgetActor();
  TellFollowers(decision);
  // What a restart finds is opened before anything new is decided.
  if (!std::holds_alternative<RestoreEvent>(event.what)) {
    StartPrepares(decision);
    if (state.schedule) StartAttempts(decision);
  }
  return std::move(decision).Finish();
}

}  // namespace lockstep
