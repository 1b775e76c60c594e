// Promises: the order of the line, and what queues may have.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "proto/contract/job_state.h"
#include "proto/contract/priority.h"
#include "server/scheduler/scheduler_state.h"
#include "tests/server/simulation/promises.h"
#include "tests/server/simulation/simulated_host.h"

namespace lockstep::testing {

// None that is more urgent, or as urgent and older and of the same queue and
// owner, is left waiting for anything but the end of its pause after a failure
// and what its queue may have. While the time of some that run is limited,
// others may pass.
void Promises::CheckLine(const v1::Job& started) {
  const bool limited =
      std::any_of(disk_.begin(), disk_.end(), [](const auto& row) {
        const v1::Job& job = row.second.job();
        return LiveAttemptOf(job) != nullptr &&
               job.spec().resources().has_timeout();
      });
  if (limited) return;
  const auto goes_first = [&](const v1::Job& other) {
    if (PriorityOf(other) != PriorityOf(started)) {
      return PriorityOf(other) > PriorityOf(started);
    }
    return other.queue() == started.queue() &&
           other.owner() == started.owner() &&
           age_.at(other.uid()) < age_.at(started.uid());
  };
  for (const auto& [name, row] : disk_) {
    const v1::Job& other = row.job();
    if (other.state() != v1::Job::QUEUED || !other.has_plan() ||
        other.pending_reason() == v1::Job::BACKOFF || !goes_first(other) ||
        IsOutOfReach(other) ||
        (other.queue() != started.queue() && QuotaIsUp(other.queue()))) {
      continue;
    }
    Break("P3",
          absl::StrCat(started.name(), " of priority ",
                       PriorityName(PriorityOf(started)), " starts before ",
                       name, " of priority ", PriorityName(PriorityOf(other))));
  }
}

// Whether it wants more than is not drained, or than its queue may have since
// that was changed: nobody waits for it then.
bool Promises::IsOutOfReach(const v1::Job& job) const {
  const int ranks = job.spec().resources().ranks();
  const int all = DevicePool(host_->Nodes()).Total(v1::Device::CPU);
  if (ranks > all - static_cast<int>(drained_devices_.size())) return true;
  const auto queue = queues_.find("queues/" + job.queue());
  return queue != queues_.end() && queue->second.has_cpu_quota() &&
         ranks > queue->second.cpu_quota();
}

// Whether one that waits there is above its quota, and so holds back those
// behind it.
bool Promises::QuotaIsUp(const std::string& queue) const {
  const auto found = queues_.find("queues/" + queue);
  if (found == queues_.end() || !found->second.has_cpu_quota()) return false;
  int used = 0;
  int largest = 0;
  for (const auto& [name, row] : disk_) {
    const v1::Job& job = row.job();
    if (job.queue() != queue) continue;
    const int ranks = job.spec().resources().ranks();
    if (LiveAttemptOf(job) != nullptr || row.kept_devices_size() > 0) {
      used += ranks;
    } else if (job.state() == v1::Job::QUEUED && job.has_plan()) {
      largest = std::max(largest, ranks);
    }
  }
  return used + largest > found->second.cpu_quota();
}

// With what the others of its queue have.
void Promises::CheckQuota(const v1::Job& started) {
  const auto found = queues_.find("queues/" + started.queue());
  if (found == queues_.end()) {
    if (started.queue() == "default") return;
    return Break("P3", absl::StrCat(started.name(), " starts in queue ",
                                    started.queue(), ", which is not there"));
  }
  if (!found->second.has_cpu_quota()) return;
  int used = 0;
  for (const auto& [name, row] : disk_) {
    const v1::Attempt* live = LiveAttemptOf(row.job());
    if (live == nullptr || row.job().queue() != started.queue()) continue;
    used += live->ranks_size();
  }
  if (used <= found->second.cpu_quota()) return;
  Break("P3",
        absl::StrCat(started.name(), " starts, and queue ", started.queue(),
                     " has ", used, " of ", found->second.cpu_quota()));
}

// The device time in a row is no change that a client makes.
void Promises::WriteQueues(const StoreWrite& write) {
  for (const QueueRow& row : write.queues) {
    queues_written_.push_back(row->queue());
    v1::Queue& old = queues_[row->queue().name()];
    if (old.SerializeAsString() == row->queue().SerializeAsString()) continue;
    old = row->queue();
    ++queue_changes_;
  }
  for (const std::string& name : write.deleted_queues) {
    queues_.erase(name);
    ++queue_changes_;
    for (const auto& [job, row] : disk_) {
      if ("queues/" + row.job().queue() != name ||
          IsTerminal(row.job().state())) {
        continue;
      }
      Break("P3", absl::StrCat(name, " is removed under ", job));
    }
  }
}

void Promises::QueueChanged(const v1::Queue& queue, int before) {
  // Another client may have had the last word since; it was on disk all the
  // same, after the call or, when it changed nothing, before.
  for (int i = queue_writes() - 1; i >= 0; --i) {
    const v1::Queue& written = queues_written_[i];
    if (written.name() != queue.name()) continue;
    if (written.has_cpu_quota() == queue.has_cpu_quota() &&
        written.cpu_quota() == queue.cpu_quota()) {
      return;
    }
    if (i < before) break;
  }
  Break("P1", absl::StrCat(queue.name(),
                           ": a quota is acknowledged and not on disk"));
}

}  // namespace lockstep::testing
