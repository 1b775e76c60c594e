#include "server/scheduler/scheduler_state.h"

#include <algorithm>
#include <utility>

#include "proto/contract/job_state.h"
#include "proto/contract/priority.h"
#include "proto/contract/queue.h"
#include "proto/contract/resource_name.h"
#include "server/scheduler/proto_time.h"

namespace lockstep {
namespace {

void RestoreReservation(const JobEntry& entry, DevicePool& pool) {
  const v1::Attempt* attempt = LiveAttemptOf(entry.job());
  if (attempt == nullptr) return;
  std::vector<DevicePlace> places;
  const server::ProcessRecord* process =
      FindProcess(entry, entry.job().attempt());
  if (process != nullptr && process->slots_size() > 0) {
    for (const server::KeptDevice& slot : process->slots()) {
      places.push_back({slot.node(), slot.device()});
    }
  } else {
    for (const v1::RankPlacement& rank : attempt->ranks()) {
      places.push_back({rank.node(), rank.device()});
    }
  }
  pool.Reserve(entry.job().name(), places);
}

// The wall may have been set meanwhile: an attempt never gets more than its
// limit from now on.
void RestoreTimeLimit(JobEntry& entry, absl::Duration now, absl::Time wall) {
  const v1::Attempt* attempt = LiveAttemptOf(entry.job());
  if (attempt == nullptr) return;
  const absl::Duration limit = TimeLimitOf(entry.job().spec());
  const server::ProcessRecord* process =
      FindProcess(entry, entry.job().attempt());
  // One that waits in an engine has not begun.
  if (process != nullptr && process->slots_size() > 0 &&
      !process->has_engine_start_time()) {
    return;
  }
  const google::protobuf::Timestamp& start =
      process != nullptr && process->has_engine_start_time()
          ? process->engine_start_time()
          : attempt->start_time();
  const absl::Duration left = FromProto(start) + limit - wall;
  entry.live.time_limit = now + std::clamp(left, absl::ZeroDuration(), limit);
}

void RestoreKept(const JobEntry& entry, DevicePool& pool) {
  std::vector<DevicePlace> places;
  for (const server::KeptDevice& kept : entry.record->kept_devices()) {
    places.push_back({kept.node(), kept.device()});
  }
  if (!places.empty()) pool.Keep(entry.job().name(), places);
}

void RestoreQueues(const std::vector<server::QueueRecord>& queues,
                   SchedulerState& state) {
  state.queues[kDefaultQueue].mutable_queue()->set_name(
      QueueName(kDefaultQueue));
  for (const server::QueueRecord& record : queues) {
    state.queues[QueueIdFromName(record.queue().name())] = record;
  }
}

// One that is asked for a checkpoint is killed when it does not come, and what
// is killed has a moment to be gone.
absl::Duration TimeToStop(const SchedulerOptions& options) {
  return std::max(options.drain_grace, options.stop_grace) +
         2 * (options.kill_after_grace + options.tick);
}

}  // namespace

std::map<std::string, std::string> DrainedDevices(
    const server::CoordinatorRecord& coordinator) {
  std::map<std::string, std::string> drained;
  for (const server::DrainedDevice& device : coordinator.drained_devices()) {
    drained[device.device()] = device.reason();
  }
  return drained;
}

SchedulerState RestoreState(const SchedulerOptions& options,
                            const SchedulingPolicy& policy, DevicePool pool,
                            std::vector<JobRow> records,
                            const std::map<std::string, Checkpoints>& listed,
                            const server::CoordinatorRecord& coordinator,
                            const std::vector<server::QueueRecord>& queues,
                            absl::Duration now, absl::Time wall) {
  SchedulerState state;
  state.coordinator = coordinator;
  state.options = options;
  state.policy = &policy;
  state.pool = std::move(pool);
  state.pool.SetDrained(DrainedDevices(coordinator));
  RestoreQueues(queues, state);
  state.shares = SharesAt(state.queues, wall);
  state.charged = wall;
  for (JobRow& record : records) {
    JobEntry entry;
    entry.order = state.next_order++;
    entry.record = RowDraft(std::move(record));
    const v1::Job& job = entry.job();
    if (entry.record->has_not_before()) {
      // The wall may have been set meanwhile: never wait longer than a pause
      // can be.
      const absl::Duration left = FromProto(entry.record->not_before()) - wall;
      entry.not_before =
          now + std::clamp(left, absl::ZeroDuration(), LongestPause(options));
    }
    if (const auto found = listed.find(job.name()); found != listed.end()) {
      for (const v1::Checkpoint& checkpoint : found->second) {
        entry.newest_checkpoint = checkpoint;
        entry.listed[checkpoint.step()] = checkpoint;
      }
    }
    if (!entry.record->request_id().empty()) {
      state.requests[{job.owner(), entry.record->request_id()}] = job.name();
    }
    for (const server::ProcessRecord& process : entry.record->processes()) {
      if (!process.ended()) entry.watched.insert(process.attempt());
    }
    if (job.state() == v1::Job::QUEUED) Enqueue(state, entry);
    Follow(state, entry);
    if (job.state() == v1::Job::PREPARING) ++state.preparing;
    RestoreReservation(entry, state.pool);
    RestoreKept(entry, state.pool);
    RestoreTimeLimit(entry, now, wall);
    const bool is_live = LiveAttemptOf(job) != nullptr;
    const std::string name = job.name();
    const auto place = state.jobs.emplace(name, std::move(entry)).first;
    if (is_live) AddLive(state, place->second);
  }
  return state;
}

QueuePlace PlaceInQueue(const JobEntry& entry) {
  return {PriorityOf(entry.job()), entry.order};
}

void Enqueue(SchedulerState& state, const JobEntry& entry) {
  const v1::Job& job = entry.job();
  ++state.waiting[QueueOf(job)];
  if (!entry.record->waits_for().empty()) {
    state.following[PlaceInQueue(entry)] = job.name();
  } else if (!job.has_plan()) {
    state.unprepared[PlaceInQueue(entry)] = job.name();
  } else {
    state.untold.insert(job.name());
    // The clock says later whether that is over.
    if (entry.not_before > absl::ZeroDuration()) {
      state.backing_off[{entry.not_before, entry.order}] = job.name();
    } else {
      JoinLine(state, entry);
    }
  }
}

void JoinLine(SchedulerState& state, const JobEntry& entry) {
  const v1::Job& job = entry.job();
  state.untold.insert(job.name());
  state.line.Add({.name = job.name(),
                  .demand = state.pool.DemandOf(job.spec()),
                  .priority = PriorityOf(job),
                  .queue = QueueOf(job),
                  .owner = job.owner(),
                  .order = entry.order,
                  .longest = LongestOf(state, job.spec())});
}

void Follow(SchedulerState& state, const JobEntry& entry) {
  for (const std::string& name : entry.record->waits_for()) {
    state.followers[name].insert(entry.job().name());
  }
}

void Unfollow(SchedulerState& state, const JobEntry& entry) {
  for (const std::string& name : entry.record->waits_for()) {
    const auto found = state.followers.find(name);
    if (found == state.followers.end()) continue;
    found->second.erase(entry.job().name());
    if (found->second.empty()) state.followers.erase(found);
  }
}

void AddLive(SchedulerState& state, const JobEntry& entry) {
  const v1::Job& job = entry.job();
  const v1::Attempt& attempt = *LiveAttemptOf(job);
  state.live[job.name()] = {.entry = &entry,
                            .queue = QueueOf(job),
                            .demand = state.pool.DemandOf(job.spec()),
                            .held = {.owner = job.owner(),
                                     .devices = attempt.ranks_size(),
                                     .since = FromProto(attempt.start_time())},
                            .preemptible = job.spec().resources().preemptible(),
                            .limited = job.spec().resources().has_timeout()};
}

void Dequeue(SchedulerState& state, const JobEntry& entry) {
  state.following.erase(PlaceInQueue(entry));
  state.unprepared.erase(PlaceInQueue(entry));
  state.backing_off.erase({entry.not_before, entry.order});
  state.line.Remove(entry.job().name());
  state.untold.erase(entry.job().name());
  --state.waiting[QueueOf(entry.job())];
}

absl::Duration LongestOf(const SchedulerState& state, const v1::JobSpec& spec) {
  return TimeLimitOf(spec) + TimeToStop(state.options);
}

absl::Duration TimeLeftAtMost(const SchedulerState& state,
                              const Holding& holding, absl::Duration now) {
  // Without a limit of its own it might as well not be stopping.
  if (!holding.limited) return absl::InfiniteDuration();
  const LiveAttempt& live = holding.entry->live;
  const absl::Duration killed = live.kill_at - now;
  if (killed < absl::InfiniteDuration()) {
    return std::max(killed, absl::ZeroDuration()) +
           state.options.kill_after_grace + state.options.tick;
  }
  return std::max(live.time_limit - now, absl::ZeroDuration()) +
         TimeToStop(state.options);
}

absl::Duration TimeLimitOf(const v1::JobSpec& spec) {
  return spec.resources().has_timeout() ? FromProto(spec.resources().timeout())
                                        : absl::InfiniteDuration();
}

const v1::Attempt* LiveAttemptOf(const v1::Job& job) {
  if (IsTerminal(job.state()) || job.attempts().empty()) return nullptr;
  const v1::Attempt& newest = *job.attempts().rbegin();
  return newest.state() == v1::Attempt::ENDED ? nullptr : &newest;
}

v1::Attempt* MutableLiveAttempt(JobEntry& entry) {
  if (LiveAttemptOf(entry.job()) == nullptr) return nullptr;
  v1::Job& job = entry.record.MutableJob();
  return job.mutable_attempts(job.attempts_size() - 1);
}

const server::ProcessRecord* FindProcess(const JobEntry& entry, int attempt) {
  for (const server::ProcessRecord& process : entry.record->processes()) {
    if (process.attempt() == attempt) return &process;
  }
  return nullptr;
}

server::ProcessRecord* MutableProcess(JobEntry& entry, int attempt) {
  if (FindProcess(entry, attempt) == nullptr) return nullptr;
  for (server::ProcessRecord& process :
       *entry.record.Mutable().mutable_processes()) {
    if (process.attempt() == attempt) return &process;
  }
  return nullptr;
}

}  // namespace lockstep
