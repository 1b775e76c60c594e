#ifndef LOCKSTEP_TESTS_SERVER_SIMULATION_PROMISES_H_
#define LOCKSTEP_TESTS_SERVER_SIMULATION_PROMISES_H_

// What the coordinator promises, checked by someone who sees what clients were
// told, what is on disk and what runs, and nothing of how it decides:
//
// P1 what was acknowledged is on disk, whole, and stays; one job for one
//    request id;
// P2 no process that is well is signalled, and no attempt ends while its ranks
//    live, whatever becomes of coordinators; a drain stops all that trains, a
//    more urgent job what gives way to it, and neither that nor a pause costs a
//    job one of its restarts; watchers miss nothing and see nothing twice;
// P3 one attempt at a time has ranks, and holds a device; only it lists
//    checkpoints, and takes no pinned one from the list; a job that has ended
//    stays ended, and one that is to hold does not start; what was freed for a
//    job nobody else gets; none starts before, or waits for, one that it
//    follows and that has ended; of those that wait the first starts first,
//    unless one with a time limit fits before it; none starts above the quota
//    of its queue, which exists, or while the coordinator is drained, nor on a
//    device that is; and no more of its attempts than so many fail an hour,
//    unless a user has it go on;
// P4 each moment of a job is in exactly one share of its goodput.
//
// The first broken promise is kept. Runs on one thread.

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/launcher/launcher.h"
#include "server/store/job_store.h"

namespace lockstep::testing {

class SimulatedHost;

// A label that clients set to ever higher numbers.
inline constexpr char kCountLabel[] = "count";

// How many attempts of a job that fail may begin within an hour.
inline constexpr int kStartsPerHour = 3;

// Where this attempt of the job, and no other, writes checkpoints.
std::string CheckpointPath(const std::string& uid, int attempt);

class Promises {
 public:
  using Disk = std::map<std::string, server::JobRecord>;

  void Watch(const SimulatedHost& host) { host_ = &host; }

  // Empty while all are kept.
  const std::string& broken() const { return broken_; }
  void Break(absl::string_view promise, absl::string_view what);

  // What the disk holds, by the writes that were called durable.
  const Disk& disk() const { return disk_; }
  // Listed checkpoints of a job.
  const std::set<int64_t>& Steps(const std::string& uid) { return steps_[uid]; }
  int deleted() const { return deleted_; }
  // How often a drain began or ended.
  int drains() const { return drains_; }
  // Devices that no job gets, by the disk, and how often one became such by a
  // fault.
  const std::set<std::string>& drained_devices() const {
    return drained_devices_;
  }
  int excluded() const { return excluded_; }
  // Attempts that began when as many had failed as may within an hour.
  int waited_for_the_hour() const { return waited_for_the_hour_; }
  // How often a queue was made, changed by a client, or removed.
  int queue_changes() const { return queue_changes_; }
  // How often a row of a queue was written.
  int queue_writes() const { return static_cast<int>(queues_written_.size()); }
  // Jobs that were told to wait for the quota of their queue.
  int waited_for_quota() const { return waited_for_quota_; }
  int checkpoints() const { return static_cast<int>(listed_.size()); }

  // Clients ask, and are answered with OK.
  void AskedToDelete(const std::string& name) { delete_asked_.insert(name); }
  void AskedToStopAll() { stop_asked_ = true; }
  void AskedToDrain(const std::string& device) { drain_asked_.insert(device); }
  void AskedToUndrain(const std::string& device) {
    undrain_asked_.insert(device);
  }
  void AskedToCancel(const std::string& name) { cancel_asked_.insert(name); }
  void AskedToPause(const std::string& name) { pause_asked_.insert(name); }
  void Created(const std::string& request_id, const v1::Job& job);
  void Cancelled(const v1::Job& job);
  void Updated(const v1::Job& job);
  void Labelled(const v1::Job& job, int64_t label);
  void Deleted(const v1::Job& job);
  void QueueChanged(const v1::Queue& queue, int before);
  // `before`: the drains() when it was asked for.
  void Drained(bool drain, int before);
  void StoppedAll(int before);
  void CheckpointCommitted(const std::string& uid, int attempt, int64_t step);

  // The store calls a write durable; it comes before its effects.
  void Durable(const StoreWrite& write);
  // The coordinator acts.
  void Launching(const LaunchRequest& request);
  void Signalled(const AttemptRef& attempt, bool kill);
  void Removing(const std::string& uid);
  // A process is refused as one of an attempt that has ended.
  void TurnedAway(const LaunchRequest& process);
  // A new one reads the disk.
  void Restarted(const std::vector<JobRow>& rows);
  // A watcher reads on.
  void Seen(int64_t cursor_before, const std::vector<JournalEntry>& entries,
            int64_t cursor);
  // All is quiet: every job has its end and nothing is left.
  void AtTheEnd(const std::vector<v1::Node>& nodes);

 private:
  struct JournalLine {
    std::string job;
    std::string type;
    bool gone = false;  // With its job.
  };

  const server::JobRecord* Row(const std::string& name) const;
  void WriteRow(const server::JobRecord& next, const StoreWrite& write);
  void CheckNewAttempt(const v1::Job& job);
  void CheckLine(const v1::Job& started);
  void CheckQuota(const v1::Job& started);
  bool QuotaIsUp(const std::string& queue) const;
  bool IsOutOfReach(const v1::Job& job) const;
  void WriteQueues(const StoreWrite& write);
  void CheckKept(const server::JobRecord& started);
  void CheckUsable(const server::JobRecord& started);
  void WriteDrained(const server::CoordinatorRecord& next);
  void CheckTaking(const std::string& victim);
  void CheckFollowers();
  void CheckFollows(const server::JobRecord& old);
  void CheckDrain(const v1::Job* old, const v1::Job& next);
  void CheckEndedAttempts(const v1::Job* old, const v1::Job& next);
  void CheckStops(const v1::Job* old, const server::JobRecord& row);
  void CheckTime(const server::JobRecord& row);
  void CheckHour(const v1::Job& started);
  // Whether ranks of this attempt stand, or did.
  bool HasStood(const v1::Job& job) const;
  bool MayStop(const server::JobRecord& row) const;
  void HoldDevices(const server::JobRecord& row);
  void WriteCheckpoint(const v1::Checkpoint& checkpoint,
                       const StoreWrite& write);
  void WritePin(const v1::Job& job, const v1::Checkpoint& checkpoint);
  void WriteUnlisted(const std::string& checkpoint);
  void WriteDeletion(const DeletedJob& deleted);

  std::string broken_;
  const SimulatedHost* host_ = nullptr;
  Disk disk_;
  // When a job was accepted, by uid, and those that give way.
  std::map<std::string, int> age_;
  std::set<std::string> give_way_;
  std::vector<JournalLine> journal_;  // By sequence, from 1.
  // Answered with OK: uid by name, the label by uid.
  std::map<std::string, std::string> acknowledged_;
  std::map<std::string, int64_t> labels_;
  std::set<std::string> cancel_asked_;
  std::set<std::string> pause_asked_;
  std::set<std::string> delete_asked_;
  std::map<std::string, std::string> job_of_request_;
  std::map<std::string, std::string> holder_of_device_;
  // uid -> steps, and (uid, attempt, step) of all that were listed.
  std::map<std::string, std::set<int64_t>> steps_;
  std::set<std::pair<std::string, std::pair<int, int64_t>>> listed_;
  std::set<std::pair<std::string, int64_t>> pins_;  // (uid, step).
  std::set<std::pair<std::string, int>> launched_;
  std::set<std::string> deleted_uids_;
  std::set<std::string> removed_uids_;
  int deleted_ = 0;
  bool drained_ = false;
  bool stop_asked_ = false;
  std::set<std::string> drained_devices_;
  std::set<std::string> drain_asked_;
  std::set<std::string> undrain_asked_;
  int excluded_ = 0;
  int waited_for_the_hour_ = 0;
  int drains_ = 0;
  std::map<std::string, v1::Queue> queues_;  // By name.
  std::vector<v1::Queue> queues_written_;
  int queue_changes_ = 0;
  int waited_for_quota_ = 0;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SERVER_SIMULATION_PROMISES_H_
