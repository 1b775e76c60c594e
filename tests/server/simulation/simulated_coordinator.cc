#include "tests/server/simulation/simulated_coordinator.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "proto/contract/job_state.h"

namespace lockstep::testing {
namespace {

// So few that watchers read from the store as well.
constexpr size_t kEventsInMemory = 8;

SchedulerOptions Options() {
  SchedulerOptions options;
  // So few that some jobs come to it.
  options.starts_per_hour = kStartsPerHour;
  return options;
}

void ForgetTimeLimits(server::JobRecord& record) {
  for (server::ProcessRecord& process : *record.mutable_processes()) {
    if (process.stop_cause() != v1::Attempt::TIME_LIMIT) continue;
    process.clear_stop_cause();
    process.clear_drained();
  }
}

}  // namespace

SimulatedCoordinator::SimulatedCoordinator(const World& world, int64_t life)
    : world_(world),
      life_(life),
      options_(Options()),
      rendezvous_(deadline_clock_),
      events_(world.store, kEventsInMemory),
      watch_(options_),
      runner_(options_,
              {.clock = deadline_clock_,
               .store = world.store,
               .events = events_,
               .launcher = world.host,
               .rendezvous = rendezvous_,
               .tokens = tokens_,
               .policy = policy_},
              board_, watch_, callers_,
              [this](LaunchedEvent launched) { Post(std::move(launched)); }) {
  Load();
  RemoveFilesOfDeleted();
  world_.host.SetListener(
      [this](ProcessEnd end) { Post(ProcessEndEvent{std::move(end)}); });
  world_.host.SetEngineListener(
      [this](std::variant<EngineNews, EngineReach> said) {
        if (auto* news = std::get_if<EngineNews>(&said)) {
          Post(EngineEvent{std::move(*news)});
        } else {
          Post(EngineReachEvent{std::get<EngineReach>(said)});
        }
      });
  rendezvous_.SetListener([this](Rendezvous::Outcome outcome) {
    Post(RendezvousEvent{std::move(outcome)});
  });
  Adopt();
  StepResult restored = Step(state_, {RestoreEvent{}, Entropy()}, Time());
  runner_.Run(std::exchange(restored.effects, {}));
  Submit(std::move(restored));
}

std::string SimulatedCoordinator::Entropy() {
  return absl::StrCat("life ", life_, " step ", ++steps_);
}

void SimulatedCoordinator::Load() {
  std::vector<JobRow> records = *world_.store.LoadAll();
  world_.promises.Restarted(records);
  std::map<std::string, std::vector<v1::Checkpoint>> checkpoints;
  for (JobRow& row : records) {
    server::JobRecord record = *row;
    if (world_.fault == Fault::kForgetsRequests) record.clear_request_id();
    if (world_.fault == Fault::kForgetsPriorities) {
      record.mutable_job()->clear_priority();
    }
    if (world_.fault == Fault::kForgetsPauses &&
        record.job().desired() == v1::Job::PAUSE &&
        record.job().state() != v1::Job::PAUSED) {
      record.mutable_job()->set_desired(v1::Job::RUN);
    }
    if (world_.fault == Fault::kForgetsTimeLimits) ForgetTimeLimits(record);
    if (world_.fault == Fault::kTakesWithoutConsent) {
      record.mutable_job()
          ->mutable_spec()
          ->mutable_resources()
          ->set_preemptible(true);
    }
    if (world_.fault == Fault::kForgetsDependencies) record.clear_waits_for();
    if (world_.fault == Fault::kForgetsBackoffs) record.clear_not_before();
    if (world_.fault == Fault::kForgetsTime) record.clear_time_account();
    row = MakeJobRow(record);
    if (IsTerminal(record.job().state())) continue;
    checkpoints[record.job().name()] =
        *world_.store.ListCheckpoints(record.job().name());
    if (world_.fault != Fault::kForgetsPins) continue;
    for (v1::Checkpoint& checkpoint : checkpoints[record.job().name()]) {
      checkpoint.clear_pinned();
    }
  }
  std::vector<server::QueueRecord> queues = world_.store.Queues();
  if (world_.fault == Fault::kForgetsQueues) {
    for (server::QueueRecord& record : queues) {
      record.mutable_queue()->clear_cpu_quota();
    }
  }
  server::CoordinatorRecord coordinator = world_.store.Coordinator();
  if (world_.fault == Fault::kForgetsTheDrain) coordinator.clear_drain_time();
  if (world_.fault == Fault::kForgetsDrainedDevices) {
    coordinator.clear_drained_devices();
  }
  state_ = RestoreState(options_, policy_, DevicePool(world_.host.Nodes()),
                        std::move(records), checkpoints, coordinator, queues,
                        world_.clock.Now(), world_.clock.WallTime());
}

void SimulatedCoordinator::RemoveFilesOfDeleted() {
  StepResult forget;
  const std::vector<std::string> uids = *world_.store.Unforgotten();
  for (const std::string& uid : uids) {
    if (!world_.host.RemoveFiles(uid).ok()) continue;
    forget.write.forgotten.push_back(uid);
  }
  Submit(std::move(forget));
}

void SimulatedCoordinator::Adopt() {
  for (const auto& [name, entry] : state_.jobs) {
    for (const server::ProcessRecord& process : entry.record->processes()) {
      if (process.ended()) continue;
      ProcessEnd end;
      if (world_.host
              .Adopt({name, process.attempt()}, entry.job().uid(), process,
                     &end)
              .ok()) {
        continue;
      }
      Post(ProcessEndEvent{std::move(end)});
    }
  }
}

bool SimulatedCoordinator::Admits(const LaunchRequest& process) const {
  if (LetsStrangersIn()) return true;
  return tokens_.Find(process.token) == process.attempt;
}

bool SimulatedCoordinator::DecideNext() {
  if (inbox_.empty()) return false;
  const Event event = std::move(inbox_.front());
  inbox_.pop_front();
  if (world_.fault == Fault::kKeepsNothing) {
    for (const auto& [name, entry] : state_.jobs) state_.pool.KeepNothing(name);
  }
  Submit(Step(state_, event, Time()));
  return true;
}

void SimulatedCoordinator::Hear(const worker::v1::HeartbeatRequest& heartbeat) {
  if (world_.fault == Fault::kHearsNothing) return;
  if (!watch_.Hear(heartbeat, world_.clock.Now())) return;
  Post(HeardEvent{
      heartbeat.caller(),
      heartbeat.step(),
      heartbeat.phase(),
      {heartbeat.other_phases().begin(), heartbeat.other_phases().end()}});
}

void SimulatedCoordinator::Tick() {
  rendezvous_.Tick();
  for (WatchFinding& finding : watch_.Look(world_.clock.Now())) {
    std::visit([this](auto& found) { Post(EventOf(std::move(found))); },
               finding);
  }
  Submit(Step(state_, {TickEvent{}, Entropy()}, Time()));
}

void SimulatedCoordinator::Submit(StepResult result) {
  if (world_.fault == Fault::kAnswersBeforeTheDisk) {
    runner_.Run(std::exchange(result.effects, {}));
  }
  auto pending = std::make_shared<Pending>();
  for (Effect& effect : result.effects) {
    pending->effects.push_back(std::move(effect));
  }
  if (result.write.empty()) {
    if (pending->effects.empty()) return;
    pending->done = true;
    pending_.push_back(std::move(pending));
    return;
  }
  pending_.push_back(pending);
  world_.store.Commit(
      std::move(result.write),
      [pending](absl::StatusOr<std::vector<JournalEntry>> entries) {
        pending->entries = *std::move(entries);
        pending->done = true;
      });
}

bool SimulatedCoordinator::DoNextEffect() {
  if (pending_.empty() || !pending_.front()->done) return false;
  Pending& next = *pending_.front();
  if (!next.entries.empty()) {
    events_.Publish(std::exchange(next.entries, {}));
  } else if (!next.effects.empty()) {
    Effect effect = std::move(next.effects.front());
    next.effects.pop_front();
    std::vector<Effect> one;
    one.push_back(std::move(effect));
    runner_.Run(std::move(one));
  }
  if (next.effects.empty() && next.entries.empty()) pending_.pop_front();
  return true;
}

}  // namespace lockstep::testing
