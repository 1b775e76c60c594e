#ifndef LOCKSTEP_SERVER_STORE_SQLITE_JOB_STORE_H_
#define LOCKSTEP_SERVER_STORE_SQLITE_JOB_STORE_H_

// The JobStore of a running coordinator: one SQLite file in WAL mode with
// synchronous=FULL, written by one connection. All writes that wait are one
// transaction and one fsync. Rows are also kept in memory, where readers find
// them once they are committed; only old journal entries are read from disk.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/store/commit_queue.h"
#include "server/store/committed_rows.h"
#include "server/store/job_store.h"
#include "server/store/sqlite.h"
#include "server/store/store_backup.h"

namespace lockstep {

class SqliteJobStore final : public JobStore, public StoreBackup {
 public:
  // Opens or creates the file; schema.h says which files are refused.
  static absl::StatusOr<std::unique_ptr<SqliteJobStore>> Open(
      const std::string& path);
  // Commits what was queued.
  ~SqliteJobStore() override;

  void Commit(StoreWrite write, Done done) override;
  absl::StatusOr<std::vector<JobRow>> LoadAll() override;
  absl::StatusOr<JobRow> FindRow(absl::string_view name) const override;
  absl::StatusOr<JobPage> List(const ListJobsQuery& query) const override;
  absl::StatusOr<std::vector<v1::Checkpoint>> ListCheckpoints(
      absl::string_view job_name) const override;
  absl::StatusOr<std::vector<JournalEntry>> ReadJournal(
      int64_t after, int limit, absl::string_view job_name) const override;
  absl::StatusOr<std::vector<std::string>> Unforgotten() const override;
  server::CoordinatorRecord Coordinator() const override;
  std::vector<server::QueueRecord> Queues() const override;
  int64_t LastSequence() const override;
  void UpdateProgress(absl::string_view name,
                      const v1::Progress& progress) override;
  void UpdateGoodput(absl::string_view name, const v1::Goodput& goodput,
                     const server::TimeAccount& account) override;

  // Of StoreBackup. The copy must not outlive the store.
  absl::StatusOr<std::unique_ptr<Copy>> Start(const std::string& path) override
      ABSL_LOCKS_EXCLUDED(mu_);

  // Transactions so far: fewer than writes when they were grouped.
  int64_t transactions() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // The connection and what is prepared on it.
  struct Database {
    sqlite::Connection connection;
    sqlite::Statement insert_job;
    sqlite::Statement update_job;
    sqlite::Statement insert_event;
    sqlite::Statement put_checkpoint;
    sqlite::Statement unlist_checkpoint;
    sqlite::Statement remember_uid;
    sqlite::Statement delete_checkpoints;
    sqlite::Statement delete_events;
    sqlite::Statement delete_job;
    sqlite::Statement forget_uid;
    sqlite::Statement put_coordinator;
    sqlite::Statement put_queue;
    sqlite::Statement delete_queue;
    sqlite::Statement read_journal;
    sqlite::Statement read_job_journal;
  };

  class BackupCopy;

  explicit SqliteJobStore(Database database);

  static absl::StatusOr<Database> Prepare(sqlite::Connection connection);
  absl::Status Load() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status LoadJobs() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status LoadQueues() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Process(std::vector<CommitQueue::Pending> batch)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status WriteBatch(std::vector<CommitQueue::Pending>& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status WriteOne(const StoreWrite& write)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status WriteQueues(const StoreWrite& write)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status WriteJob(const server::JobRecord& record)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status WriteEvent(const v1::Event& event)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status UnlistCheckpoint(const std::string& name)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status DeleteJob(const DeletedJob& job)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<std::vector<v1::Event>> ReadEvents(
      int64_t after, int limit, absl::string_view job_name) const
      ABSL_LOCKS_EXCLUDED(mu_);

  CommittedRows rows_;
  // A reader of the journal waits for the transaction under way.
  mutable absl::Mutex mu_;
  mutable Database database_ ABSL_GUARDED_BY(mu_);
  absl::Status broken_ ABSL_GUARDED_BY(mu_);
  int64_t transactions_ ABSL_GUARDED_BY(mu_) = 0;
  // Last: its thread uses all of the above.
  CommitQueue queue_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_STORE_SQLITE_JOB_STORE_H_
