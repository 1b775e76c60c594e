#ifndef LOCKSTEP_SERVER_STORE_COMMITTED_ROWS_H_
#define LOCKSTEP_SERVER_STORE_COMMITTED_ROWS_H_

// What is committed, in memory, for readers: they never wait for the disk. Part
// of both stores. Written by the store thread alone; thread-safe.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/store/job_store.h"

namespace lockstep {

// "jobs/a1" of "jobs/a1/checkpoints/20", and 20; 0 when there is no number.
std::string JobOfCheckpoint(absl::string_view checkpoint_name);
int64_t StepOfCheckpoint(absl::string_view checkpoint_name);

class CommittedRows {
 public:
  // When the store is opened: rows by the order of their creation, then
  // checkpoints, then the newest order and sequence ever given.
  void RestoreJob(int64_t order, JobRow row);
  void RestoreCheckpoint(const v1::Checkpoint& checkpoint);
  void RestoreCounters(int64_t order, int64_t sequence);
  void RestoreCoordinator(const server::CoordinatorRecord& record);
  void RestoreQueue(const server::QueueRecord& record);

  // FAILED_PRECONDITION when a row's version does not follow the stored one, a
  // request id is taken, an event, checkpoint or deletion is of no job, what is
  // unlisted is not listed, or a queue that goes is not there. The store of
  // SQLite checks the same on disk.
  absl::Status Check(const StoreWrite& write) const;

  // Gives the write's events their sequences; they are not visible yet.
  // `sequence` is the newest one given, and is moved on.
  static void Number(StoreWrite& write, int64_t& sequence);

  // Makes a numbered, committed write visible.
  std::vector<JournalEntry> Apply(const StoreWrite& write);

  // As in JobStore.
  std::vector<JobRow> All() const;
  absl::StatusOr<JobRow> FindRow(absl::string_view name) const;
  absl::StatusOr<JobPage> List(const ListJobsQuery& query) const;
  // The entry for an event that was read from the journal: none when its job
  // was deleted meanwhile.
  std::optional<JournalEntry> EntryOf(v1::Event event) const;
  absl::StatusOr<std::vector<v1::Checkpoint>> ListCheckpoints(
      absl::string_view job_name) const;
  server::CoordinatorRecord Coordinator() const;
  std::vector<server::QueueRecord> Queues() const;
  int64_t LastSequence() const;
  void UpdateProgress(absl::string_view name, const v1::Progress& progress);
  void UpdateGoodput(absl::string_view name, const v1::Goodput& goodput,
                     const server::TimeAccount& account);

 private:
  struct Row {
    JobRow record;
    std::map<int64_t, v1::Checkpoint> checkpoints;  // By step.
  };

  const Row* RowOf(absl::string_view name) const
      ABSL_SHARED_LOCKS_REQUIRED(mu_);
  Row* RowOf(absl::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Put(const JobRow& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Insert(int64_t order, JobRow record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Erase(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable absl::Mutex mu_;
  // By order of creation, which is never given again: it is the page token of a
  // list.
  std::map<int64_t, Row> rows_ ABSL_GUARDED_BY(mu_);
  int64_t last_order_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<std::string, int64_t, std::less<>> order_of_ ABSL_GUARDED_BY(mu_);
  // owner + '\0' + request id.
  absl::flat_hash_map<std::string, std::string> requests_ ABSL_GUARDED_BY(mu_);
  int64_t last_sequence_ ABSL_GUARDED_BY(mu_) = 0;
  server::CoordinatorRecord coordinator_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, QueueRow> queues_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_STORE_COMMITTED_ROWS_H_
