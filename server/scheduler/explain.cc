#include "server/scheduler/explain.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "proto/contract/job_state.h"
#include "proto/contract/priority.h"
#include "proto/contract/queue.h"
#include "server/scheduler/proto_time.h"
#include "server/scheduler/queue_uses.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

constexpr int kMostNamed = 20;

bool WaitsForDevices(const JobEntry& entry, absl::Duration now) {
  const v1::Job& job = entry.job();
  return job.state() == v1::Job::QUEUED && job.has_plan() &&
         entry.not_before <= now;
}

// At the speed of the newest step; none when it has not reported one.
std::optional<absl::Duration> TimeToTrain(const v1::Job& job) {
  const v1::Progress& progress = job.progress();
  const int64_t planned = progress.steps_planned() > 0
                              ? progress.steps_planned()
                              : job.plan().steps();
  if (progress.step() <= 0 || planned < progress.step() ||
      progress.tokens_seen() <= 0 || progress.tokens_per_second() <= 0) {
    return std::nullopt;
  }
  const double tokens_a_step = static_cast<double>(progress.tokens_seen()) /
                               static_cast<double>(progress.step());
  const auto steps_left = static_cast<double>(planned - progress.step());
  return absl::Seconds(tokens_a_step * steps_left /
                       progress.tokens_per_second());
}

// When an attempt gives its devices back.
std::optional<absl::Duration> TimeToEnd(const JobEntry& entry,
                                        absl::Duration now) {
  // One that is being stopped is killed at the latest then.
  if (entry.live.kill_at < absl::InfiniteDuration()) {
    return std::max(entry.live.kill_at - now, absl::ZeroDuration());
  }
  const std::optional<absl::Duration> trained =
      entry.job().state() == v1::Job::RUNNING ? TimeToTrain(entry.job())
                                              : std::nullopt;
  const absl::Duration limit = entry.live.time_limit - now;
  if (limit == absl::InfiniteDuration()) return trained;
  return std::max(std::min(trained.value_or(limit), limit),
                  absl::ZeroDuration());
}

struct Holder {
  const JobEntry* entry = nullptr;
  int devices = 0;
  // Of these, what others may get then.
  int gives_back = 0;
  std::optional<absl::Duration> left;
};

// Those that end first come first, and those of which that is not known last.
std::vector<Holder> HoldersOf(const SchedulerState& state,
                              const DeviceDemand& demand, absl::Duration now) {
  std::vector<Holder> holders;
  for (const auto& [name, devices] :
       state.pool.Holders(demand.kind, demand.model)) {
    const JobEntry& entry = state.jobs.at(name);
    const auto gives_back = static_cast<int>(
        state.pool.HeldBy(name, demand.kind, demand.model).size());
    holders.push_back({&entry, devices, gives_back, TimeToEnd(entry, now)});
  }
  std::stable_sort(holders.begin(), holders.end(),
                   [](const Holder& a, const Holder& b) {
                     const absl::Duration never = absl::InfiniteDuration();
                     return a.left.value_or(never) < b.left.value_or(never);
                   });
  return holders;
}

// When so many devices are free beside those that are now.
std::optional<absl::Duration> TimeToHave(int more,
                                         const std::vector<Holder>& holders) {
  absl::Duration until = absl::ZeroDuration();
  for (const Holder& holder : holders) {
    if (more <= 0 || !holder.left.has_value()) break;
    until = *holder.left;
    more -= holder.gives_back;
  }
  if (more > 0) return std::nullopt;
  return until;
}

// One of another queue, whose quota is up, holds nobody back here, nor do those
// behind it there.
bool WaitsForItsQueueAlone(const SchedulerState& state, const WaitingJob& other,
                           const JobEntry& entry) {
  return other.queue != QueueOf(entry.job()) &&
         state.jobs.at(other.name).job().pending_reason() == v1::Job::QUOTA;
}

// Its place in the line for devices of its kind; the devices that those before
// it want.
int FindPlace(const SchedulerState& state, const JobEntry& entry,
              const DeviceDemand& demand, v1::JobExplanation& explanation) {
  int wanted = 0;
  int position = 1;
  LineCursor cursor(state.line, state.shares);
  for (const WaitingJob* other = cursor.Peek(); other != nullptr;
       other = cursor.Peek()) {
    if (other->name == entry.job().name()) break;
    if (other->demand.kind != demand.kind ||
        WaitsForItsQueueAlone(state, *other, entry)) {
      cursor.DropLane();
      continue;
    }
    ++position;
    wanted += other->demand.count;
    if (explanation.ahead_size() < kMostNamed) {
      explanation.add_ahead(other->name);
    }
    cursor.Advance();
  }
  explanation.set_position(position);
  return wanted;
}

void AddHolder(const Holder& holder, const v1::Job& explained, absl::Time wall,
               v1::JobExplanation& explanation) {
  if (explanation.holders_size() == kMostNamed) return;
  const v1::Job& job = holder.entry->job();
  v1::JobExplanation::Holder& told = *explanation.add_holders();
  told.set_job(job.name());
  told.set_devices(holder.devices);
  told.set_priority(PriorityOf(job));
  told.set_gives_way(GivesWay(job, explained));
  if (holder.left.has_value()) {
    *told.mutable_expected_end_time() = ToProto(wall + *holder.left);
  }
}

void ExplainQueue(const SchedulerState& state, const v1::Job& job,
                  v1::Device::Kind kind, v1::JobExplanation& explanation) {
  explanation.set_queue(QueueOf(job));
  const QueueUses uses = UsesOf(state);
  const auto use = uses.find({QueueOf(job), kind});
  if (use == uses.end()) return;
  explanation.set_queue_used(use->second.used);
  if (use->second.quota.has_value()) {
    explanation.set_queue_quota(*use->second.quota);
  }
}

void ExplainDevices(const SchedulerState& state, const JobEntry& entry,
                    absl::Duration now, absl::Time wall,
                    v1::JobExplanation& explanation) {
  const DeviceDemand demand = state.pool.DemandOf(entry.job().spec());
  const auto own =
      static_cast<int>(state.pool.FreeFor(entry.job().name()).size());
  const int free =
      static_cast<int>(state.pool.Free(demand.kind, demand.model).size()) + own;
  explanation.set_devices_wanted(demand.count);
  explanation.set_devices_free(free);
  explanation.set_devices_unavailable(
      state.pool.UsedByOthers(demand.kind, demand.model) +
      state.pool.DrainedAndIdle(demand.kind, demand.model) +
      state.pool.Kept(demand.kind, demand.model) - own);
  explanation.set_devices_total(state.pool.Total(demand.kind, demand.model));
  ExplainQueue(state, entry.job(), demand.kind, explanation);
  // One that has devices waits for none.
  if (LiveAttemptOf(entry.job()) != nullptr) return;
  const std::vector<Holder> holders = HoldersOf(state, demand, now);
  for (const Holder& holder : holders) {
    AddHolder(holder, entry.job(), wall, explanation);
  }
  if (!WaitsForDevices(entry, now)) return;
  // Those before it have theirs then, and for how long is not known.
  const int before = FindPlace(state, entry, demand, explanation);
  const std::optional<absl::Duration> left =
      TimeToHave(before + demand.count - free, holders);
  // When a job of its queue gives back what the quota allows is another matter.
  const bool quota_is_up = entry.job().pending_reason() == v1::Job::QUOTA;
  if (left.has_value() && !state.draining() && !quota_is_up) {
    *explanation.mutable_earliest_start_time() = ToProto(wall + *left);
  }
}

}  // namespace

v1::JobExplanation Explain(const SchedulerState& state, const JobEntry& entry,
                           absl::Duration now, absl::Time wall) {
  const v1::Job& job = entry.job();
  v1::JobExplanation explanation;
  explanation.set_job(job.name());
  explanation.set_state(job.state());
  explanation.set_pending_reason(job.pending_reason());
  *explanation.mutable_after() = entry.record->waits_for();
  if (!IsTerminal(job.state())) {
    ExplainDevices(state, entry, now, wall, explanation);
  }
  if (job.state() == v1::Job::QUEUED && entry.not_before > now) {
    *explanation.mutable_earliest_start_time() =
        ToProto(wall + (entry.not_before - now));
  }
  explanation.set_message(ExplainInWords(state, entry, explanation));
  return explanation;
}

}  // namespace lockstep
