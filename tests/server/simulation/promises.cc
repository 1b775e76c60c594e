#include "tests/server/simulation/promises.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/job_state.h"
#include "server/scheduler/scheduler_state.h"
#include "tests/server/simulation/simulated_host.h"

namespace lockstep::testing {
namespace {

// "7-0123abcd" is of version 7.
int64_t EtagVersion(const std::string& etag) {
  int64_t version = 0;
  return absl::SimpleAtoi(etag.substr(0, etag.find('-')), &version) ? version
                                                                    : 0;
}

}  // namespace

std::string CheckpointPath(const std::string& uid, int attempt) {
  return absl::StrCat("/out/", uid, "/", attempt);
}

void Promises::Break(absl::string_view promise, absl::string_view what) {
  if (broken_.empty()) broken_ = absl::StrCat(promise, ": ", what);
}

const server::JobRecord* Promises::Row(const std::string& name) const {
  const auto found = disk_.find(name);
  return found == disk_.end() ? nullptr : &found->second;
}

// --- What clients are told ---

void Promises::Created(const std::string& request_id, const v1::Job& job) {
  // By now the disk may be further.
  if (deleted_uids_.contains(job.uid())) return;
  const server::JobRecord* row = Row(job.name());
  if (row == nullptr || row->job().uid() != job.uid()) {
    return Break("P1",
                 absl::StrCat(job.name(), " is acknowledged and not on disk"));
  }
  if (row->request_id() != request_id) {
    return Break("P1",
                 absl::StrCat(job.name(), " of request ", row->request_id(),
                              " is the answer to ", request_id));
  }
  acknowledged_[job.name()] = job.uid();
}

void Promises::Cancelled(const v1::Job& job) {
  if (deleted_uids_.contains(job.uid())) return;
  const server::JobRecord* row = Row(job.name());
  if (row == nullptr || row->job().uid() != job.uid() ||
      (row->job().desired() != v1::Job::CANCEL &&
       !IsTerminal(row->job().state()))) {
    Break("P1", absl::StrCat("the cancel of ", job.name(),
                             " is acknowledged and not on disk"));
  }
}

void Promises::Updated(const v1::Job& job) {
  if (deleted_uids_.contains(job.uid())) return;
  const server::JobRecord* row = Row(job.name());
  if (row == nullptr || row->job().uid() != job.uid() ||
      row->version() < EtagVersion(job.etag())) {
    Break("P1", absl::StrCat("the change of ", job.name(),
                             " is acknowledged and not on disk"));
  }
}

void Promises::Labelled(const v1::Job& job, int64_t label) {
  if (deleted_uids_.contains(job.uid())) return;
  int64_t& newest = labels_[job.uid()];
  newest = std::max(newest, label);
}

void Promises::Deleted(const v1::Job& job) {
  if (!deleted_uids_.contains(job.uid())) {
    Break("P1", absl::StrCat("the deletion of ", job.name(),
                             " is acknowledged and not on disk"));
  }
}

void Promises::Drained(bool drain, int before) {
  if (drained_ != drain && drains_ == before) {
    Break("P1", absl::StrCat(drain ? "a drain" : "the end of a drain",
                             " is acknowledged and not on disk"));
  }
}

// None starts during a drain, so those that live were there when it began.
void Promises::StoppedAll(int before) {
  // Over by now, and another one may have begun.
  if (!drained_ || drains_ > before + 1) return;
  for (const auto& [name, row] : disk_) {
    const v1::Attempt* live = LiveAttemptOf(row.job());
    if (live == nullptr || live->state() == v1::Attempt::DRAINING) continue;
    Break("P2", absl::StrCat(live->name(),
                             " trains on, and a drain that stops "
                             "it is acknowledged"));
  }
}

void Promises::CheckpointCommitted(const std::string& uid, int attempt,
                                   int64_t step) {
  if (!listed_.contains({uid, {attempt, step}})) {
    Break("P3", absl::StrCat("checkpoint ", step, " of attempt ", attempt,
                             " is acknowledged and not on disk"));
  }
}

// --- What the coordinator does ---

void Promises::Launching(const LaunchRequest& request) {
  const AttemptRef& ref = request.attempt;
  const server::JobRecord* row = Row(ref.job);
  const bool intended =
      row != nullptr && row->job().uid() == request.job_uid &&
      std::any_of(row->processes().begin(), row->processes().end(),
                  [&](const server::ProcessRecord& process) {
                    return process.attempt() == ref.attempt &&
                           process.token_sha256() == TokenDigest(request.token);
                  });
  if (!intended) {
    Break("P1", absl::StrCat(ref.job, ": attempt ", ref.attempt,
                             " starts before it is on disk"));
  }
  if (ref.attempt > 0 &&
      !launched_.emplace(request.job_uid, ref.attempt).second) {
    Break("P3", absl::StrCat(ref.job, ": attempt ", ref.attempt,
                             " is started twice"));
  }
  for (const auto& process : host_->processes()) {
    if (!process->ranks_live) continue;
    // A prepare that has told its plan may take its time to leave.
    if (process->request.job_uid == request.job_uid &&
        process->prepares() == (ref.attempt == 0)) {
      Break("P3", absl::StrCat(ref.job, ": attempt ", ref.attempt,
                               " starts beside attempt ",
                               process->attempt().attempt));
    }
    for (const v1::RankPlacement& held : process->request.ranks) {
      for (const v1::RankPlacement& wanted : request.ranks) {
        if (held.device() != wanted.device()) continue;
        Break("P3", absl::StrCat(ref.job, " starts on ", wanted.device(),
                                 ", where ranks of ", process->attempt().job,
                                 " live"));
      }
    }
  }
}

// One that is well has an attempt, or a prepare, that nobody stops.
void Promises::Signalled(const AttemptRef& attempt, bool) {
  const server::JobRecord* row = Row(attempt.job);
  if (row == nullptr || IsTerminal(row->job().state())) return;
  const v1::Job& job = row->job();
  // The disk may be further than this effect: at a later job of the name.
  if (!host_->Lives(job.uid(), attempt.attempt)) return;
  if (attempt.attempt == 0) {
    if (job.state() != v1::Job::PREPARING) return;
  } else if (attempt.attempt > job.attempts_size() ||
             job.attempts(attempt.attempt - 1).state() ==
                 v1::Attempt::DRAINING ||
             job.attempts(attempt.attempt - 1).state() == v1::Attempt::ENDED) {
    return;
  }
  Break("P2", absl::StrCat(attempt.job, ": attempt ", attempt.attempt,
                           " is signalled, and is to go on"));
}

void Promises::TurnedAway(const LaunchRequest& process) {
  const AttemptRef& ref = process.attempt;
  const server::JobRecord* row = Row(ref.job);
  if (row == nullptr || row->job().uid() != process.job_uid) return;
  const v1::Job& job = row->job();
  const bool belongs = ref.attempt == 0 ? job.state() == v1::Job::PREPARING
                                        : LiveAttemptOf(job) != nullptr &&
                                              job.attempt() == ref.attempt;
  if (!belongs) return;
  Break("P2", absl::StrCat(ref.job, ": attempt ", ref.attempt,
                           " is alive, and is turned away"));
}

void Promises::Removing(const std::string& uid) {
  if (!deleted_uids_.contains(uid)) {
    Break("P1", absl::StrCat("files of ", uid, " go, and its job does not"));
  }
  removed_uids_.insert(uid);
}

void Promises::Restarted(const std::vector<JobRow>& rows) {
  if (rows.size() != disk_.size()) {
    Break("P1", absl::StrCat(disk_.size(), " jobs were on disk, and ",
                             rows.size(), " are"));
  }
  for (const JobRow& row : rows) {
    const server::JobRecord* known = Row(row->job().name());
    if (known == nullptr || known->version() != row->version() ||
        known->job().uid() != row->job().uid()) {
      Break("P1", absl::StrCat(row->job().name(), " is not as it was written"));
    }
  }
  for (const auto& [name, uid] : acknowledged_) {
    const server::JobRecord* row = Row(name);
    if (row == nullptr || row->job().uid() != uid) {
      Break("P1", absl::StrCat(name, " was acknowledged and is lost"));
    }
  }
}

// --- What watchers see ---

void Promises::Seen(int64_t cursor_before,
                    const std::vector<JournalEntry>& entries, int64_t cursor) {
  int64_t next = cursor_before + 1;
  const auto skip_to = [&](int64_t sequence) {
    for (; next < sequence && next <= static_cast<int64_t>(journal_.size());
         ++next) {
      if (journal_[next - 1].gone) continue;
      Break("P2", absl::StrCat("a watcher missed event ", next));
    }
  };
  for (const JournalEntry& entry : entries) {
    const int64_t sequence = entry.event.sequence();
    if (sequence < next) {
      return Break("P2",
                   absl::StrCat("a watcher saw event ", sequence, " twice"));
    }
    skip_to(sequence);
    if (sequence > static_cast<int64_t>(journal_.size()) ||
        journal_[sequence - 1].type != entry.event.type() ||
        journal_[sequence - 1].job != entry.event.job()) {
      return Break("P2", absl::StrCat("a watcher saw event ", sequence,
                                      ", which is not on disk"));
    }
    next = sequence + 1;
  }
  skip_to(cursor + 1);
}

void Promises::AtTheEnd(const std::vector<v1::Node>& nodes) {
  for (const auto& [name, row] : disk_) {
    const v1::Job& job = row.job();
    if (!IsTerminal(job.state())) {
      Break("end", absl::StrCat(name, " stays ", StateName(job.state())));
    }
    const auto label = labels_.find(job.uid());
    if (label == labels_.end()) continue;
    const auto stored = job.labels().find(kCountLabel);
    int64_t count = 0;
    if (stored == job.labels().end() ||
        !absl::SimpleAtoi(stored->second, &count) || count < label->second) {
      Break("P1", absl::StrCat("label ", label->second, " of ", name,
                               " was acknowledged and is lost"));
    }
  }
  for (const v1::Node& node : nodes) {
    for (const v1::Device& device : node.devices()) {
      if (device.job().empty()) continue;
      Break("end", absl::StrCat(device.id(), " stays with ", device.job()));
    }
  }
  if (!host_->processes().empty()) Break("end", "a process stays");
  if (removed_uids_ != deleted_uids_) {
    Break("end", "files of a deleted job stay");
  }
}

}  // namespace lockstep::testing
