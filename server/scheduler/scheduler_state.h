#ifndef LOCKSTEP_SERVER_SCHEDULER_SCHEDULER_STATE_H_
#define LOCKSTEP_SERVER_SCHEDULER_SCHEDULER_STATE_H_

// All that the scheduler knows: its copy of the rows on disk, and what it
// learned since and can learn again (failures told before an exit, deadlines).
// A plain value that only Step changes.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"
#include "lockstep/worker/v1/worker_service.pb.h"
#include "server/scheduler/device_pool.h"
#include "server/scheduler/fair_share.h"
#include "server/scheduler/scheduler_options.h"
#include "server/scheduler/waiting_line.h"
#include "server/store/job_row.h"
#include "server/store/record.pb.h"

namespace lockstep {

class SchedulingPolicy;

// Why ranks were asked to write a checkpoint and stop; on disk, too.
struct StopOrder {
  // With which the attempt ends when they have.
  v1::Attempt::EndCause cause = v1::Attempt::PREEMPTED;
  // "the coordinator was drained".
  std::string reason;
  // The job that gets the devices; empty when it is not for one.
  std::string taker;
};

// What is known of the newest attempt beyond its row.
struct LiveAttempt {
  // Told by ranks before they ended; the first of each rank.
  std::map<int, worker::v1::RankFailure> failures;
  // Set when the scheduler itself ends the attempt.
  std::optional<worker::v1::RankFailure> verdict;
  // Its ranks were asked to write a checkpoint and stop.
  std::optional<StopOrder> order;
  // Ranks that have said nothing for long, and hosts all of whose ranks were
  // taken for lost with them.
  std::set<int> silent;
  std::set<std::string> lost_nodes;
  // A supervisor of it has called since the coordinator started.
  bool attached = false;
  // When the engine's word on the end of all ranks is no longer waited for, or
  // a word of hosts that are silent.
  absl::Duration engine_word_due = absl::InfiniteDuration();
  // Ranks that are gone, as their supervisors told.
  std::map<int, worker::v1::RankProcess> ended;
  // When the whole gang is killed, by Clock::Now.
  absl::Duration kill_at = absl::InfiniteDuration();
  // When its time is up (resources.timeout), by Clock::Now.
  absl::Duration time_limit = absl::InfiniteDuration();
};

struct JobEntry;

// What a live attempt has; all of it stays as it is while the attempt is live.
struct Holding {
  // In SchedulerState.jobs.
  const JobEntry* entry = nullptr;
  std::string queue;
  DeviceDemand demand;
  HeldDevices held;
  // It gives way to more urgent jobs.
  bool preemptible = false;
  // It has a time limit.
  bool limited = false;
};

struct JobEntry {
  // As it will be on disk when the writes under way are.
  RowDraft record;
  // Order of creation.
  int64_t order = 0;
  // A QUEUED job does not start before this, by Clock::Now.
  absl::Duration not_before = absl::ZeroDuration();
  // The checkpoint that a new attempt finds; step 0 when there is none.
  v1::Checkpoint newest_checkpoint;
  // All that are listed, by step.
  std::map<int64_t, v1::Checkpoint> listed;
  // Prepare processes whose end was never known.
  int lost_prepares = 0;
  LiveAttempt live;
  // Processes, by attempt, whose start and whose end the launcher has still to
  // tell. While there are any, the name cannot become another job's.
  std::set<int> launching;
  std::set<int> watched;

  const v1::Job& job() const { return record->job(); }
};

// Where a QUEUED job stands before it is prepared: the more urgent go first,
// and of those the oldest.
struct QueuePlace {
  v1::ResourceSpec::Priority priority = v1::ResourceSpec::PRIORITY_NORMAL;
  int64_t order = 0;

  friend bool operator<(const QueuePlace& a, const QueuePlace& b) {
    if (a.priority != b.priority) return a.priority > b.priority;
    return a.order < b.order;
  }
};
using JobQueue = std::map<QueuePlace, std::string>;

struct SchedulerState {
  SchedulerOptions options;
  const SchedulingPolicy* policy = nullptr;
  DevicePool pool;
  std::map<std::string, JobEntry> jobs;  // By name.
  // (owner, request id) -> job.
  std::map<std::pair<std::string, std::string>, std::string> requests;
  // QUEUED jobs: those that wait for others to succeed, those to be prepared,
  // those that are and wait out a failure (until JobEntry.not_before, with the
  // order), and those that wait for devices.
  JobQueue following;
  JobQueue unprepared;
  std::map<std::pair<absl::Duration, int64_t>, std::string> backing_off;
  WaitingLine line;
  // Of the last two: those that may have to be told anew why they wait. All
  // others wait for those before them, and know it.
  std::set<std::string> untold;
  // All there are, the default one among them, and how many jobs of each are
  // QUEUED.
  QueueRecords queues;
  std::map<std::string, int64_t> waiting;
  // As of the newest charge of what runs.
  FairShares shares;
  absl::Time charged;
  // Of each job that others wait for, which.
  std::map<std::string, std::set<std::string>> followers;
  // Jobs with an attempt that has not ended.
  std::map<std::string, Holding> live;
  int64_t next_order = 0;
  int preparing = 0;
  // When jobs that ended long ago are looked for, by Clock::Now.
  absl::Duration retention_due = absl::ZeroDuration();
  // Those that were found then.
  std::vector<std::string> too_old;
  // Waiting jobs or the pool changed since the policy was asked.
  bool schedule = true;
  // As it will be on disk when the writes under way are.
  server::CoordinatorRecord coordinator;

  // Why the engine that places attempts does not answer; empty when it does.
  std::string engine_trouble;

  bool draining() const { return coordinator.has_drain_time(); }
};

// Devices that no job gets, by id, each with why.
std::map<std::string, std::string> DrainedDevices(
    const server::CoordinatorRecord& coordinator);

// Those of a job, oldest first.
using Checkpoints = std::vector<v1::Checkpoint>;

// The state after a restart: rows as loaded (oldest first), and the checkpoints
// of each job that has not ended, by its name.
SchedulerState RestoreState(const SchedulerOptions& options,
                            const SchedulingPolicy& policy, DevicePool pool,
                            std::vector<JobRow> records,
                            const std::map<std::string, Checkpoints>& listed,
                            const server::CoordinatorRecord& coordinator,
                            const std::vector<server::QueueRecord>& queues,
                            absl::Duration now, absl::Time wall);

// Where it stands when it is QUEUED and not prepared.
QueuePlace PlaceInQueue(const JobEntry& entry);
// Puts a QUEUED job into the queue that it belongs to, and takes it out: before
// its priority or its queue changes, too.
void Enqueue(SchedulerState& state, const JobEntry& entry);
void Dequeue(SchedulerState& state, const JobEntry& entry);
// One that has waited out a failure; it has left `backing_off`.
void JoinLine(SchedulerState& state, const JobEntry& entry);

// It waits for others to succeed, as its record says; it does not any more.
void Follow(SchedulerState& state, const JobEntry& entry);
void Unfollow(SchedulerState& state, const JobEntry& entry);

// The newest attempt of the job, which is in `jobs`, is live from now on.
void AddLive(SchedulerState& state, const JobEntry& entry);

// What resources.timeout allows an attempt; infinite when it is not set.
absl::Duration TimeLimitOf(const v1::JobSpec& spec);

// How long an attempt may hold its devices at the most, from its start to the
// end of its processes; infinite when that is not known.
absl::Duration LongestOf(const SchedulerState& state, const v1::JobSpec& spec);
// The same of a live attempt, from now on.
absl::Duration TimeLeftAtMost(const SchedulerState& state,
                              const Holding& holding, absl::Duration now);

// The newest attempt if it has not ended, else null.
const v1::Attempt* LiveAttemptOf(const v1::Job& job);
v1::Attempt* MutableLiveAttempt(JobEntry& entry);

// The record of the process of an attempt (0: prepare), or null.
const server::ProcessRecord* FindProcess(const JobEntry& entry, int attempt);
server::ProcessRecord* MutableProcess(JobEntry& entry, int attempt);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_SCHEDULER_STATE_H_
