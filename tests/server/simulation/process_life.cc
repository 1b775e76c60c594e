#include "tests/server/simulation/process_life.h"

#include <signal.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/exit_code.h"

namespace lockstep::testing {
namespace {

constexpr size_t kMostStrangers = 4;

// Now and then one of two ranks is slow for a while, and each report is of many
// steps, since few attempts live for long.
MetricPoints TimesOf(int64_t step, int rank) {
  constexpr int64_t kSteps = 16, kWhile = 4;
  MetricPoints points;
  v1::MetricPoint& point = *points.Add();
  point.set_rank(rank);
  point.set_step(kSteps * step);
  const bool slow = rank == 1 && step / kWhile % 2 == 0;
  for (const char* key : {"data_seconds", "forward_seconds", "backward_seconds",
                          "optimizer_seconds"}) {
    (*point.mutable_values())[key] = slow ? 0.02 : 0.01;
  }
  return points;
}

// What it says of phases between two messages: now and then nonsense, too.
worker::v1::PhaseTime OtherPhaseAt(int64_t step) {
  constexpr int64_t kMillisecond = 1'000'000;
  worker::v1::PhaseTime other;
  other.set_phase(step % 2 == 0 ? worker::v1::PHASE_SAVING
                                : worker::v1::PHASE_TRAINING);
  other.set_nanos((step * 37 % 11 - 2) * 50 * kMillisecond);
  return other;
}

}  // namespace

worker::v1::Caller CallerOf(const LaunchRequest& request, int rank) {
  worker::v1::Caller caller;
  caller.set_job(request.attempt.job);
  caller.set_attempt(request.attempt.attempt);
  caller.set_rank(rank);
  return caller;
}

const v1::Job* JobOf(const Promises& promises, const LaunchRequest& request) {
  const auto row = promises.disk().find(request.attempt.job);
  if (row == promises.disk().end() ||
      row->second.job().uid() != request.job_uid) {
    return nullptr;
  }
  return &row->second.job();
}

bool ProcessLife::AllJoined(const HostProcess& process) const {
  return std::all_of(
      process.joins.begin(), process.joins.end(),
      [](HostProcess::Join join) { return join == HostProcess::Join::kDone; });
}

void ProcessLife::Die(const Process& process, int exit_code, int signal) {
  if (!process->prepares() && process->ranks_live) {
    strangers_.push_back({process->request, process->step});
    if (strangers_.size() > kMostStrangers) strangers_.pop_front();
  }
  host_.End(process, exit_code, signal);
}

bool ProcessLife::MayCall(const Process& process,
                          SimulatedCoordinator* coordinator) {
  if (coordinator == nullptr) return false;
  if (coordinator->Admits(process->request)) return true;
  promises_.TurnedAway(process->request);
  if (process->prepares()) {
    Die(process, kSuperseded, 0);
  } else if (process->ranks_live) {
    host_.EndRanks(*process, kSuperseded);
  }
  return false;
}

void ProcessLife::Act(SimulatedCoordinator* coordinator) {
  if (host_.processes().empty()) return;
  const int index = chance_.Below(static_cast<int>(host_.processes().size()));
  const Process process = host_.processes()[index];
  if (process->waits) return;
  if (process->dies) {
    Die(process, 0, SIGKILL);
  } else if (process->prepares()) {
    Prepare(process, coordinator);
  } else if (process->ranks_live) {
    Train(process, coordinator);
  } else {
    Leave(process, coordinator);
  }
}

// --- Prepare ---

void ProcessLife::Prepare(const Process& process,
                          SimulatedCoordinator* coordinator) {
  const int what = chance_.Below(16);
  if (what == 0) return Die(process, 0, SIGSEGV);
  if (what <= 3) return Die(process, kOk, 0);
  if (what == 4 && coordinator == nullptr) {
    return Die(process, kCoordinatorLost, 0);
  }
  if (!MayCall(process, coordinator)) return;
  if (what == 4) {
    worker::v1::ReportPreparedRequest report;
    *report.mutable_caller() = CallerOf(process->request, -1);
    report.mutable_error()->set_reason("INVALID_INPUT");
    report.mutable_error()->set_message("bad row");
    return coordinator->PostCall(PreparedEvent{.report = std::move(report)},
                                 Scheduler::Ack([](const absl::Status&) {}));
  }
  ReportPlan(process, *coordinator);
}

void ProcessLife::ReportPlan(const Process& process,
                             SimulatedCoordinator& coordinator) {
  worker::v1::ReportPreparedRequest report;
  *report.mutable_caller() = CallerOf(process->request, -1);
  report.mutable_plan()->set_steps(40);
  coordinator.PostCall(PreparedEvent{.report = std::move(report)},
                       Scheduler::Ack([](const absl::Status&) {}));
}

// --- Ranks ---

int ProcessLife::AnyExitCode(const HostProcess& process) {
  // A finish may win the race against a stop.
  if (process.told_to_stop && !chance_.OneIn(4)) return kStopped;
  constexpr int kCodes[] = {kFailure,   kPeerLost, kSuperseded,
                            kNotFinite, kStopped,  kInputChanged};
  if (AllJoined(process) && chance_.OneIn(2)) return kOk;
  return kCodes[chance_.Below(std::size(kCodes))];
}

void ProcessLife::Train(const Process& process,
                        SimulatedCoordinator* coordinator) {
  if (process->stopped_rank.has_value()) return Stand(process, coordinator);
  const int what = chance_.Below(20);
  if (what == 0) {
    if (chance_.OneIn(3)) return Die(process, 0, SIGKILL);
    if (chance_.OneIn(2)) {
      process->has_stood = true;
      process->stands = chance_.OneIn(3);
      if (process->stands) return;
      process->stopped_rank =
          chance_.Below(static_cast<int>(process->joins.size()));
    }
    return;
  }
  if (what == 1) {
    if (process->told_to_stop || chance_.OneIn(2)) {
      host_.EndRanks(*process, AnyExitCode(*process));
    }
    return;
  }
  if (!MayCall(process, coordinator)) return;
  if (what == 2) return Attach(process, *coordinator);
  if (what == 3) return Heartbeat(process, *coordinator);
  if (what == 4 && chance_.OneIn(8)) return Fail(process, *coordinator);
  if (!AllJoined(*process)) {
    for (size_t rank = 0; rank < process->joins.size(); ++rank) {
      if (chance_.OneIn(2)) {
        Join(process, static_cast<int>(rank), *coordinator);
      }
    }
    return;
  }
  // Most do so in time, and what they commit may get lost.
  if (process->asked_for_checkpoint && what < 9) {
    Checkpoint(process, *coordinator);
    return host_.EndRanks(*process, kStopped);
  }
  if (what < 12) return Report(process, *coordinator);
  if (what == 12) return Unlist(process, *coordinator);
  Checkpoint(process, *coordinator);
}

// Its supervisor lives, and hears that the ranks are to be killed. Now and then
// somebody lets the rank go on.
void ProcessLife::Stand(const Process& process,
                        SimulatedCoordinator* coordinator) {
  if (chance_.OneIn(80)) return Die(process, 0, SIGKILL);
  if (chance_.OneIn(80)) {
    process->stopped_rank.reset();
    return;
  }
  if (!MayCall(process, coordinator)) return;
  Attach(process, *coordinator);
  if (process->told_to_stop) host_.EndRanks(*process, kFailure);
}

void ProcessLife::SayAllIsWell(SimulatedCoordinator& coordinator) {
  for (const Process& process : host_.processes()) {
    if (process->prepares() || !process->ranks_live || !AllJoined(*process) ||
        !coordinator.Admits(process->request)) {
      continue;
    }
    const bool trains = process->phase == worker::v1::PHASE_TRAINING;
    if (trains && !process->stands && !process->stopped_rank.has_value()) {
      ++process->step;
    }
    const int ranks = static_cast<int>(process->joins.size());
    for (int rank = 0; rank < ranks; ++rank) {
      if (process->stopped_rank == rank) continue;
      worker::v1::HeartbeatRequest heartbeat;
      *heartbeat.mutable_caller() = CallerOf(process->request, rank);
      heartbeat.set_step(process->step);
      heartbeat.set_phase(process->phase);
      *heartbeat.add_other_phases() = OtherPhaseAt(process->step);
      coordinator.Hear(heartbeat);
      if (trains) {
        coordinator.Measure(heartbeat.caller(), TimesOf(process->step, rank));
      }
    }
    // What one stands in it stays in.
    if (process->stands || process->stopped_rank.has_value()) continue;
    constexpr worker::v1::Phase kPhases[] = {
        worker::v1::PHASE_TRAINING, worker::v1::PHASE_TRAINING,
        worker::v1::PHASE_TRAINING, worker::v1::PHASE_SAVING,
        worker::v1::PHASE_EVALUATING};
    process->phase = kPhases[chance_.Below(std::size(kPhases))];
  }
}

// The ranks are gone; their supervisor tells it, and may die before.
void ProcessLife::Leave(const Process& process,
                        SimulatedCoordinator* coordinator) {
  if (chance_.OneIn(3)) return Die(process, kOk, 0);
  // Its attempt is over once it has told it.
  if (coordinator == nullptr || !coordinator->Admits(process->request)) return;
  Attach(process, *coordinator);
}

void ProcessLife::Attach(const Process& process,
                         SimulatedCoordinator& coordinator) {
  AttachedEvent event;
  *event.report.mutable_caller() = CallerOf(process->request, -1);
  event.report.set_ended(!process->ranks_live);
  if (process->ranks_live) {
    for (size_t rank = 0; rank < process->joins.size(); ++rank) {
      worker::v1::RankProcess& told = *event.report.add_ranks();
      told.set_rank(static_cast<int>(rank));
      told.set_pid(process->pid + 1 + static_cast<int64_t>(rank));
    }
  } else {
    for (const worker::v1::RankProcess& rank : process->exit_file) {
      *event.report.add_ranks() = rank;
    }
  }
  coordinator.PostCall(std::move(event),
                       Scheduler::Ack([](const absl::Status&) {}));
  if (coordinator.board().ForSupervisor(process->attempt()).command() !=
      worker::v1::AttachResponse::COMMAND_UNSPECIFIED) {
    process->told_to_stop = true;
  }
}

void ProcessLife::Join(const Process& process, int rank,
                       SimulatedCoordinator& coordinator) {
  if (process->joins[rank] == HostProcess::Join::kDone) return;
  worker::v1::JoinRequest request;
  *request.mutable_caller() = CallerOf(process->request, rank);
  request.set_pid(process->pid + 1 + rank);
  request.set_incarnation(absl::StrCat(request.pid()));
  process->joins[rank] = HostProcess::Join::kWaits;
  coordinator.rendezvous().Join(
      request, [weak = std::weak_ptr<HostProcess>(process),
                rank](const absl::StatusOr<int>& world_size) {
        const Process joined = weak.lock();
        if (joined == nullptr) return;
        if (world_size.ok()) {
          joined->joins[rank] = HostProcess::Join::kDone;
        } else if (!absl::IsCancelled(world_size.status())) {
          joined->joins[rank] = HostProcess::Join::kNo;
        }
      });
}

void ProcessLife::Heartbeat(const Process& process,
                            SimulatedCoordinator& coordinator) {
  // As ranks do whose connection breaks.
  if (process->heartbeats != nullptr && chance_.OneIn(4)) {
    process->heartbeats = nullptr;
    return;
  }
  const auto hear = [&board = coordinator.board(),
                     weak = std::weak_ptr<HostProcess>(process)] {
    const Process rank = weak.lock();
    if (rank == nullptr) return;
    using Told = worker::v1::HeartbeatResponse;
    const Told::Command told = board.ForRank(rank->attempt());
    if (told == Told::STOP) rank->told_to_stop = true;
    if (told == Told::CHECKPOINT_AND_STOP) rank->asked_for_checkpoint = true;
  };
  if (process->heartbeats == nullptr) {
    process->heartbeats =
        coordinator.board().Subscribe(process->attempt(), hear);
  }
  hear();
}

void ProcessLife::Report(const Process& process,
                         SimulatedCoordinator& coordinator) {
  ReportedEvent event{.caller = CallerOf(process->request, 0)};
  process->step += 1 + chance_.Below(4);
  event.progress.emplace().set_step(process->step);
  coordinator.Post(std::move(event));
}

void ProcessLife::Fail(const Process& process,
                       SimulatedCoordinator& coordinator) {
  const int ranks = static_cast<int>(process->joins.size());
  ReportedEvent event{.caller =
                          CallerOf(process->request, chance_.Below(ranks))};
  const bool faulty = chance_.OneIn(2);
  event.failure.emplace().set_cause(faulty ? v1::Attempt::GPU_FAULT
                                           : v1::Attempt::STORAGE_FULL);
  event.failure->set_message(faulty ? "Xid 79" : "full");
  coordinator.Post(std::move(event));
}

void ProcessLife::ActWell(SimulatedCoordinator& coordinator) {
  if (host_.processes().empty()) return;
  const Process process = host_.processes().front();
  if (process->dies) return Die(process, 0, SIGKILL);
  if (process->prepares()) {
    if (coordinator.Admits(process->request)) ReportPlan(process, coordinator);
    return Die(process, kOk, 0);
  }
  if (process->ranks_live) {
    const bool stops = process->told_to_stop || process->asked_for_checkpoint;
    host_.EndRanks(*process, stops ? kStopped : kOk);
  }
  Die(process, kOk, 0);
}

}  // namespace lockstep::testing
