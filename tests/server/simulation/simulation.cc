#include "tests/server/simulation/simulation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/job_state.h"

namespace lockstep::testing {
namespace {

constexpr int kWatchBatch = 5;
// Enough for every attempt that a job may have, and every pause between them.
constexpr int kRoundsToTheEnd = 4000;

}  // namespace

Simulation::Simulation(uint64_t seed, Fault fault)
    : chance_(seed),
      fault_(fault),
      store_([this](const StoreWrite& write) { promises_.Durable(write); },
             fault == Fault::kLyingDisk),
      engine_(seed % kSeedsPerEngine == 0),
      host_(kCpuSlots, engine_, HostWatchers(), fault == Fault::kAdoptsNobody),
      processes_(chance_, host_, promises_) {
  promises_.Watch(host_);
  Restart();
}

SimulatedHost::Watchers Simulation::HostWatchers() {
  return {
      .launching =
          [this](const LaunchRequest& request) {
            promises_.Launching(request);
          },
      .signalled = [this](const AttemptRef& attempt,
                          bool kill) { promises_.Signalled(attempt, kill); },
      .removing = [this](const std::string& uid) { promises_.Removing(uid); },
      .launch_fails = [this] { return !finishing_ && chance_.OneIn(20); }};
}

std::string Simulation::Run(int events) {
  for (int i = 0; i < events && promises_.broken().empty(); ++i) Something();
  if (promises_.broken().empty()) Finish();
  Count();
  return promises_.broken();
}

void Simulation::Something() {
  if (coordinator_ == nullptr && chance_.OneIn(12)) return Restart();
  if (engine_ && chance_.OneIn(6)) return EngineTurn();
  const int what = chance_.Below(100);
  if (what < 8) {
    Client();
  } else if (what < 56) {
    processes_.Act(coordinator_.get());
  } else if (what < 88) {
    CoordinatorTurn();
  } else if (what < 91) {
    if (coordinator_ != nullptr && chance_.OneIn(2)) return Pass();
    // A pause, or longer than anyone waits.
    const int longest = chance_.OneIn(8) ? 200'000 : 20'000;
    clock_.Advance(absl::Milliseconds(chance_.Below(longest)));
  } else if (what < 93) {
    processes_.StrangerCalls(coordinator_.get());
  } else if (what < 96) {
    processes_.DeliverLate(coordinator_.get());
  } else if (what < 99) {
    Watch();
  } else if (coordinator_ != nullptr) {
    Crash();
  }
}

void Simulation::EngineTurn() {
  switch (chance_.Below(6)) {
    case 0:
      return host_.SayWhyOneWaits();
    case 1:
      return host_.Answer(chance_.OneIn(2));
    case 2:
      return host_.SayWhoIsGone();
    default:
      return host_.StartOne();
  }
}

void Simulation::Watch() {
  if (coordinator_ == nullptr) return;
  const absl::StatusOr<EventLog::Batch> batch =
      coordinator_->events().Read(watch_cursor_, kWatchBatch, "");
  promises_.Seen(watch_cursor_, batch->entries, batch->cursor);
  counts_.watched += static_cast<int64_t>(batch->entries.size());
  watch_cursor_ = batch->cursor;
}

// --- The coordinator and its disk ---

void Simulation::Pass() {
  const int slices = 1 + chance_.Below(30);
  for (int i = 0; i < slices; ++i) {
    clock_.Advance(absl::Seconds(2));
    processes_.SayAllIsWell(*coordinator_);
    coordinator_->Tick();
    LoopOnce();
  }
}

void Simulation::CoordinatorTurn() {
  if (coordinator_ == nullptr) return;
  // Mostly it keeps up with what comes.
  if (chance_.OneIn(3)) {
    LoopOnce();
    return;
  }
  const int turns = 1 + chance_.Below(4);
  switch (chance_.Below(9)) {
    case 0:
      processes_.SayAllIsWell(*coordinator_);
      return coordinator_->Tick();
    case 1:
    case 2:
      return Sync();
    case 3:
    case 4:
      for (int i = 0; i < turns; ++i) store_.TellNext();
      return;
    case 5:
    case 6:
      for (int i = 0; i < turns; ++i) coordinator_->DecideNext();
      return;
    default:
      for (int i = 0; i < turns; ++i) coordinator_->DoNextEffect();
  }
}

bool Simulation::LoopOnce() {
  bool busy = coordinator_->DecideNext();
  while (coordinator_->DecideNext()) {
  }
  if (store_.waits()) Sync();
  while (store_.TellNext()) {
  }
  while (coordinator_->DoNextEffect()) busy = true;
  return busy;
}

void Simulation::Sync() {
  const absl::Status synced = store_.Sync();
  if (!synced.ok()) promises_.Break("P1", synced.message());
}

void Simulation::Crash() {
  ++counts_.crashes;
  coordinator_.reset();
  processes_.CoordinatorDied();
  host_.CoordinatorDied();
  store_.Crash();
}

void Simulation::Restart() {
  coordinator_ = std::make_unique<SimulatedCoordinator>(
      SimulatedCoordinator::World{.clock = clock_,
                                  .store = store_,
                                  .host = host_,
                                  .promises = promises_,
                                  .fault = fault_},
      ++lives_);
}

// --- The end ---

void Simulation::Settle() {
  while (promises_.broken().empty() && LoopOnce()) {
  }
}

// Nothing new comes, and what runs does well.
void Simulation::Finish() {
  finishing_ = true;
  if (coordinator_ != nullptr) Crash();
  Restart();
  host_.Answer(/*answers=*/true);
  Settle();
  Undrain();
  Settle();
  ResumeAll();
  Settle();
  LiftQuotas();
  Settle();
  for (int round = 0; round < kRoundsToTheEnd; ++round) {
    const bool all_ended = std::all_of(
        promises_.disk().begin(), promises_.disk().end(),
        [](const auto& row) { return IsTerminal(row.second.job().state()); });
    if (!promises_.broken().empty()) return;
    if (all_ended && host_.processes().empty()) break;
    if (host_.processes().empty()) clock_.Advance(absl::Seconds(10));
    // What failed before the end may come to light only now.
    UndrainDevices();
    host_.SayWhoIsGone();
    while (host_.AnyWaits()) host_.StartOne();
    processes_.ActWell(*coordinator_);
    processes_.SayAllIsWell(*coordinator_);
    coordinator_->Tick();
    Settle();
  }
  int64_t before = -1;
  while (watch_cursor_ != before) {
    before = watch_cursor_;
    Watch();
  }
  promises_.AtTheEnd(coordinator_->Nodes());
}

void Simulation::Count() {
  for (const auto& [name, row] : promises_.disk()) {
    for (const server::ProcessRecord& process : row.processes()) {
      counts_.placed_by_engine += process.has_engine_start_time();
    }
    ++counts_.ended_in[row.job().state()];
    counts_.attempts += row.job().attempt();
    if (row.job().error().reason() == "DEPENDENCY_FAILED") {
      ++counts_.lost_followers;
    }
    for (const server::ProcessRecord& process : row.processes()) {
      if (!process.taken_by().empty()) ++counts_.taken;
    }
    for (const v1::Attempt& attempt : row.job().attempts()) {
      if (attempt.end_cause() == v1::Attempt::PREEMPTED) ++counts_.preempted;
      if (attempt.end_cause() == v1::Attempt::PAUSED) ++counts_.paused;
      if (attempt.end_cause() == v1::Attempt::TIME_LIMIT) ++counts_.timed_out;
      if (attempt.end_cause() == v1::Attempt::HANG) ++counts_.hung;
    }
  }
  counts_.queue_changes = promises_.queue_changes();
  counts_.waited_for_quota = promises_.waited_for_quota();
  counts_.deleted = promises_.deleted();
  counts_.excluded = promises_.excluded();
  counts_.waited_for_the_hour = promises_.waited_for_the_hour();
  counts_.checkpoints = promises_.checkpoints();
}

}  // namespace lockstep::testing
