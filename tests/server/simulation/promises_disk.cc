// Promises: what may come to the disk.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "proto/contract/job_state.h"
#include "proto/contract/priority.h"
#include "server/scheduler/scheduler_state.h"
#include "server/store/committed_rows.h"
#include "tests/server/simulation/promises.h"
#include "tests/server/simulation/row_rules.h"
#include "tests/server/simulation/simulated_host.h"

namespace lockstep::testing {
namespace {

// One whose ranks have all been told that they are complete.
bool AllJoined(const SimulatedHost& host, const std::string& uid, int attempt) {
  return std::any_of(
      host.processes().begin(), host.processes().end(),
      [&](const auto& process) {
        return process->request.job_uid == uid &&
               process->attempt().attempt == attempt && process->ranks_live &&
               std::all_of(process->joins.begin(), process->joins.end(),
                           [](HostProcess::Join join) {
                             return join == HostProcess::Join::kDone;
                           });
      });
}

bool IsKept(const server::JobRecord& row, const std::string& device) {
  return std::any_of(
      row.kept_devices().begin(), row.kept_devices().end(),
      [&](const server::KeptDevice& kept) { return kept.device() == device; });
}

// On devices that were all kept for it.
bool StartsOnKept(const server::JobRecord* old,
                  const server::JobRecord& started) {
  if (old == nullptr) return false;
  const server::ProcessRecord& process =
      started.processes(started.job().attempt());
  // Where an engine places ranks they have slots of the pool.
  if (process.slots_size() > 0) {
    return std::all_of(
        process.slots().begin(), process.slots().end(),
        [&](const auto& slot) { return IsKept(*old, slot.device()); });
  }
  const v1::Attempt& attempt = *started.job().attempts().rbegin();
  return std::all_of(attempt.ranks().begin(), attempt.ranks().end(),
                     [&](const v1::RankPlacement& rank) {
                       return IsKept(*old, rank.device());
                     });
}

// Its newest attempt is asked to stop for another job, and was not before.
bool GivesWayNow(const server::JobRecord& old, const server::JobRecord& next) {
  const int attempt = next.job().attempt();
  return attempt > 0 && attempt == old.job().attempt() &&
         !next.processes(attempt).taken_by().empty() &&
         old.processes(attempt).taken_by().empty();
}

}  // namespace

void Promises::Durable(const StoreWrite& write) {
  if (write.coordinator.has_value()) {
    drains_ += drained_ != write.coordinator->has_drain_time();
    drained_ = write.coordinator->has_drain_time();
    WriteDrained(*write.coordinator);
  }
  // What one job gives back another may take in the same write.
  for (const JobRow& next : write.jobs) {
    std::erase_if(holder_of_device_, [&](const auto& held) {
      return held.second == next->job().name();
    });
  }
  std::vector<std::string> started;
  std::vector<std::string> in_turn;
  std::vector<std::string> in_quota;
  std::vector<std::string> gave_way;
  std::vector<server::JobRecord> followed;
  for (const JobRow& row : write.jobs) {
    const server::JobRecord& next = *row;
    const std::string& name = next.job().name();
    const server::JobRecord* old = Row(name);
    CheckTime(next);
    const int attempts = old == nullptr ? 0 : old->job().attempts_size();
    if (next.job().attempts_size() > attempts) {
      started.push_back(name);
      if (!StartsOnKept(old, next)) in_turn.push_back(name);
      // Others stopped for one that takes, which counted against its queue
      // then: a quota that has shrunk since does not undo that.
      if (old == nullptr || old->kept_devices_size() == 0) {
        in_quota.push_back(name);
      }
    }
    if (old != nullptr && GivesWayNow(*old, next)) gave_way.push_back(name);
    if (old != nullptr && old->waits_for_size() > next.waits_for_size()) {
      followed.push_back(*old);
    }
    WriteRow(next, write);
  }
  WriteQueues(write);
  for (const std::string& name : in_turn) CheckLine(disk_.at(name).job());
  for (const std::string& name : started) CheckKept(disk_.at(name));
  for (const std::string& name : started) CheckUsable(disk_.at(name));
  for (const std::string& name : in_quota) CheckQuota(disk_.at(name).job());
  for (const std::string& name : gave_way) CheckTaking(name);
  for (const server::JobRecord& old : followed) CheckFollows(old);
  CheckFollowers();
  for (const v1::Checkpoint& checkpoint : write.checkpoints) {
    WriteCheckpoint(checkpoint, write);
  }
  for (const std::string& name : write.unlisted) WriteUnlisted(name);
  for (const DeletedJob& deleted : write.deletions) WriteDeletion(deleted);
  for (const v1::Event& event : write.events) {
    journal_.push_back({event.job(), event.type()});
  }
}

void Promises::WriteRow(const server::JobRecord& next,
                        const StoreWrite& write) {
  const v1::Job& job = next.job();
  const server::JobRecord* old = Row(job.name());
  if (const std::string wrong = RowViolation(old, next, write.events);
      !wrong.empty()) {
    Break("P3", absl::StrCat(job.name(), ": ", wrong));
  }
  if (old == nullptr && !next.request_id().empty() &&
      !job_of_request_.emplace(next.request_id(), job.uid()).second) {
    Break("P1", absl::StrCat("a second job for request ", next.request_id()));
  }
  const int attempts = old == nullptr ? 0 : old->job().attempts_size();
  CheckEndedAttempts(old == nullptr ? nullptr : &old->job(), job);
  CheckStops(old == nullptr ? nullptr : &old->job(), next);
  CheckDrain(old == nullptr ? nullptr : &old->job(), job);
  HoldDevices(next);
  if (job.attempts_size() > attempts) {
    CheckNewAttempt(job);
    CheckHour(job);
  }
  if (job.state() == v1::Job::SUCCEEDED && !host_->HasSucceeded(job.uid())) {
    Break("P3", absl::StrCat(job.name(), " succeeded, and no ranks did"));
  }
  if (job.state() == v1::Job::CANCELLED &&
      !cancel_asked_.contains(job.name())) {
    Break("P1", absl::StrCat(job.name(), " is cancelled, and nobody asked"));
  }
  if (job.desired() == v1::Job::PAUSE && !pause_asked_.contains(job.name())) {
    Break("P1", absl::StrCat(job.name(), " is to hold, and nobody asked"));
  }
  if (old == nullptr && job.spec().resources().preemptible()) {
    give_way_.insert(job.uid());
  }
  if (job.pending_reason() == v1::Job::QUOTA &&
      (old == nullptr || old->job().pending_reason() != v1::Job::QUOTA)) {
    ++waited_for_quota_;
  }
  age_.emplace(job.uid(), static_cast<int>(age_.size()));
  disk_[job.name()] = next;
}

void Promises::CheckDrain(const v1::Job* old, const v1::Job& next) {
  if (!drained_) return;
  const bool prepares = next.state() == v1::Job::PREPARING && old != nullptr &&
                        old->state() != v1::Job::PREPARING;
  if (old == nullptr || prepares ||
      next.attempts_size() > old->attempts_size()) {
    Break("P3", absl::StrCat(next.name(),
                             old == nullptr ? " is accepted" : " is started",
                             ", and the coordinator is drained"));
  }
}

// Nothing of what it got is kept for another one that waits.
void Promises::CheckKept(const server::JobRecord& started) {
  for (const std::string& device : DevicesOf(started)) {
    for (const auto& [name, row] : disk_) {
      if (row.job().state() != v1::Job::QUEUED || !IsKept(row, device)) {
        continue;
      }
      Break("P3", absl::StrCat(started.job().name(), " starts on ", device,
                               ", which is kept for ", name));
    }
  }
}

// The victim consented, the other is more urgent, waits, and has enough now.
void Promises::CheckTaking(const std::string& victim) {
  const server::JobRecord& row = disk_.at(victim);
  const server::ProcessRecord& process = row.processes(row.job().attempt());
  const server::JobRecord* taker = Row(process.taken_by());
  const std::vector<std::string> held = DevicesOf(row);
  const bool good =
      taker != nullptr && give_way_.contains(row.job().uid()) &&
      PriorityOf(taker->job()) > PriorityOf(row.job()) &&
      taker->job().state() == v1::Job::QUEUED &&
      taker->kept_devices_size() == taker->job().spec().resources().ranks() &&
      std::any_of(held.begin(), held.end(), [&](const std::string& device) {
        return IsKept(*taker, device);
      });
  if (good) return;
  Break("P2", absl::StrCat(process.taken_by(), " takes the devices of ", victim,
                           ", and must not"));
}

// Whoever waits for another waits for one that may still succeed.
void Promises::CheckFollowers() {
  for (const auto& [name, row] : disk_) {
    for (const std::string& other : row.waits_for()) {
      const server::JobRecord* followed = Row(other);
      if (followed != nullptr && !IsTerminal(followed->job().state())) continue;
      Break("P3",
            absl::StrCat(name, " waits for ", other, ", which has ended"));
    }
  }
}

// What it does not wait for any more has succeeded, or it has ended.
void Promises::CheckFollows(const server::JobRecord& old) {
  const server::JobRecord& row = disk_.at(old.job().name());
  if (IsTerminal(row.job().state())) return;
  for (const std::string& name : old.waits_for()) {
    const server::JobRecord* followed = Row(name);
    const bool waits = std::find(row.waits_for().begin(), row.waits_for().end(),
                                 name) != row.waits_for().end();
    if (waits || (followed != nullptr &&
                  followed->job().state() == v1::Job::SUCCEEDED)) {
      continue;
    }
    Break("P3", absl::StrCat(row.job().name(), " follows ", name,
                             " no more, which has not succeeded"));
  }
}

void Promises::CheckNewAttempt(const v1::Job& job) {
  const v1::Attempt& attempt = *job.attempts().rbegin();
  const auto steps = steps_.find(job.uid());
  const bool resumes =
      job.spec().checkpoint().resume() != v1::CheckpointSpec::RESUME_NEVER;
  const int64_t newest =
      steps == steps_.end() || steps->second.empty() || !resumes
          ? 0
          : *steps->second.rbegin();
  if (attempt.resume_step() != newest) {
    Break("P1", absl::StrCat(attempt.name(), " resumes from step ",
                             attempt.resume_step(), ", and step ", newest,
                             " is listed"));
  }
}

void Promises::CheckEndedAttempts(const v1::Job* old, const v1::Job& next) {
  for (int i = 0; i < next.attempts_size(); ++i) {
    if (next.attempts(i).state() != v1::Attempt::ENDED) continue;
    if (old != nullptr && i < old->attempts_size() &&
        old->attempts(i).state() == v1::Attempt::ENDED) {
      continue;
    }
    if (host_->RanksLive(next.uid(), i + 1)) {
      Break("P2", absl::StrCat(next.attempts(i).name(),
                               " has ended, and its ranks live: ",
                               next.attempts(i).end_message()));
    }
  }
}

// Somebody asked for what the ranks are told to stop for.
bool Promises::MayStop(const server::JobRecord& row) const {
  const server::ProcessRecord& process = row.processes(row.job().attempt());
  if (process.stop_cause() == v1::Attempt::HANG) return HasStood(row.job());
  if (!process.drained()) return false;
  switch (process.stop_cause()) {
    case v1::Attempt::PREEMPTED:
      // CheckTaking looks at the other one.
      return stop_asked_ || !process.taken_by().empty();
    case v1::Attempt::PAUSED:
      return row.job().desired() == v1::Job::PAUSE;
    case v1::Attempt::TIME_LIMIT:
      return row.job().spec().resources().has_timeout();
    default:
      return false;
  }
}

// Only a user, a drain, or a rank that does not come, stops an attempt.
void Promises::CheckStops(const v1::Job* old, const server::JobRecord& row) {
  const v1::Job& next = row.job();
  if (old == nullptr || next.desired() == v1::Job::CANCEL) return;
  const v1::Attempt* was = LiveAttemptOf(*old);
  const v1::Attempt* is = LiveAttemptOf(next);
  if (was == nullptr || is == nullptr ||
      was->state() == v1::Attempt::DRAINING ||
      is->state() != v1::Attempt::DRAINING) {
    return;
  }
  if (MayStop(row)) return;
  if (AllJoined(*host_, next.uid(), next.attempt())) {
    Break("P2", absl::StrCat(is->name(),
                             " is stopped for a missing rank, and all train"));
  }
}

void Promises::HoldDevices(const server::JobRecord& row) {
  if (LiveAttemptOf(row.job()) == nullptr) return;
  for (const std::string& device : DevicesOf(row)) {
    const auto [held, free] =
        holder_of_device_.emplace(device, row.job().name());
    if (!free) {
      Break("P3", absl::StrCat(device, " is given to ", row.job().name(),
                               " and held by ", held->second));
    }
  }
}

void Promises::WriteCheckpoint(const v1::Checkpoint& checkpoint,
                               const StoreWrite& write) {
  const server::JobRecord* row = Row(JobOfCheckpoint(checkpoint.name()));
  if (row == nullptr) {
    return Break("P3", absl::StrCat(checkpoint.name(), " is of no job"));
  }
  const v1::Job& job = row->job();
  if (Tells(write.events, job.name(), "CHECKPOINT_PINNED") ||
      Tells(write.events, job.name(), "CHECKPOINT_UNPINNED")) {
    return WritePin(job, checkpoint);
  }
  if (checkpoint.pinned() != pins_.contains({job.uid(), checkpoint.step()})) {
    Break("P1", absl::StrCat(checkpoint.name(), " is pinned, or is not any ",
                             "more, and nobody asked"));
  }
  if (LiveAttemptOf(job) == nullptr ||
      checkpoint.attempt() != job.attempts_size() ||
      checkpoint.path() != CheckpointPath(job.uid(), checkpoint.attempt())) {
    Break("P3", absl::StrCat(checkpoint.name(), " in ", checkpoint.path(),
                             " is listed for attempt ", checkpoint.attempt()));
  }
  steps_[job.uid()].insert(checkpoint.step());
  listed_.insert({job.uid(), {checkpoint.attempt(), checkpoint.step()}});
}

void Promises::WritePin(const v1::Job& job, const v1::Checkpoint& checkpoint) {
  const int64_t step = checkpoint.step();
  if (!listed_.contains({job.uid(), {checkpoint.attempt(), step}}) ||
      !steps_[job.uid()].contains(step)) {
    Break("P3", absl::StrCat(checkpoint.name(), " is pinned and not listed"));
  }
  if (checkpoint.pinned()) {
    pins_.insert({job.uid(), step});
  } else {
    pins_.erase({job.uid(), step});
  }
}

// The newest is what the next attempt starts from.
void Promises::WriteUnlisted(const std::string& checkpoint) {
  const server::JobRecord* row = Row(JobOfCheckpoint(checkpoint));
  if (row == nullptr) {
    return Break("P3", absl::StrCat(checkpoint, " is of no job"));
  }
  const std::string& uid = row->job().uid();
  std::set<int64_t>& steps = steps_[uid];
  const int64_t step = StepOfCheckpoint(checkpoint);
  if (!steps.contains(step) || step == *steps.rbegin() ||
      pins_.contains({uid, step})) {
    Break("P3", absl::StrCat(checkpoint, " is unlisted, and is pinned, or the ",
                             "newest, or not listed"));
  }
  steps.erase(step);
}

void Promises::WriteDeletion(const DeletedJob& deleted) {
  const server::JobRecord* row = Row(deleted.name);
  if (row == nullptr || row->job().uid() != deleted.uid) {
    return Break("P1", absl::StrCat("no such job to delete: ", deleted.name));
  }
  if (!delete_asked_.contains(deleted.name) ||
      !IsTerminal(row->job().state())) {
    Break("P1", absl::StrCat(deleted.name, " is deleted, and nobody asked"));
  }
  if (host_->AnyWorks(deleted.uid)) {
    Break("P3", absl::StrCat(deleted.name, " is deleted under its processes"));
  }
  job_of_request_.erase(row->request_id());
  acknowledged_.erase(deleted.name);
  deleted_uids_.insert(deleted.uid);
  ++deleted_;
  for (JournalLine& line : journal_) {
    line.gone = line.gone || line.job == deleted.name;
  }
  disk_.erase(deleted.name);
}

}  // namespace lockstep::testing
