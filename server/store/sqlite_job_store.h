#ifndef LOCKSTEP_SERVER_STORE_SQLITE_JOB_STORE_H_
#define LOCKSTEP_SERVER_STORE_SQLITE_JOB_STORE_H_

// The JobStore of a running coordinator: one SQLite file in WAL mode with
// synchronous=FULL, written by one connection. All writes that wait are one
// transaction and one fsync. Rows are also kept in memory, where readers find
// them once they are committed; only old journal entries are read from disk.
//
// A full disk is waited out: nothing of the transaction was written, so it is
// tried again until there is room. After any other error nobody knows what is
// on disk: the store is broken, acknowledges nothing more, and only another
// start, which reads the file anew, mends it.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/store/commit_queue.h"
#include "server/store/committed_rows.h"
#include "server/store/job_store.h"
#include "server/store/sqlite.h"
#include "server/store/store_backup.h"

namespace lockstep {

class SqliteJobStore final : public JobStore, public StoreBackup {
 public:
  struct Options {
    // With less free space no new job is taken. What runs still has its end to
    // record, and the write-ahead log grows to 8 MiB before it is emptied.
    int64_t reserve_bytes = 16 << 20;
    // How often a full disk is tried again.
    absl::Duration full_retry = absl::Milliseconds(500);
  };

  // Opens or creates the file; schema.h says which files are refused.
  static absl::StatusOr<std::unique_ptr<SqliteJobStore>> Open(
      const std::string& path, const Options& options);
  static absl::StatusOr<std::unique_ptr<SqliteJobStore>> Open(
      const std::string& path) {
    return Open(path, Options());
  }
  // Commits what was queued.
  ~SqliteJobStore() override;

  void Commit(StoreWrite write, Done done) override;
  absl::Status CheckRoom(Demand demand) const override
      ABSL_LOCKS_EXCLUDED(full_mu_);
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

  // Gets how long each transaction took, also one that failed, on the store
  // thread; it must not block. It outlives the store.
  using TransactionListener = std::function<void(absl::Duration)>;
  void SetTransactionListener(TransactionListener listener)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Gets, on the store thread, why nothing is committed: RESOURCE_EXHAUSTED
  // while the disk is full, OK when that is over; any other error is for good.
  // It must not block, and outlives the store.
  using TroubleListener = std::function<void(const absl::Status&)>;
  void SetTroubleListener(TroubleListener listener) ABSL_LOCKS_EXCLUDED(mu_);

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

  SqliteJobStore(const std::string& path, const Options& options,
                 Database database);

  static absl::StatusOr<Database> Prepare(sqlite::Connection connection);
  absl::Status Load() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status LoadJobs() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status LoadQueues() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Process(std::vector<CommitQueue::Pending> batch)
      ABSL_LOCKS_EXCLUDED(mu_);
  // WriteBatch, unless the store is broken, with its time told.
  absl::Status Transact(std::vector<CommitQueue::Pending>& batch)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Tries it until the disk has room, or the store is closed.
  absl::Status WaitForRoom(const absl::Status& full,
                           std::vector<CommitQueue::Pending>& batch)
      ABSL_LOCKS_EXCLUDED(mu_, full_mu_);
  void SetFull(const absl::Status& full) ABSL_LOCKS_EXCLUDED(mu_, full_mu_);
  void Tell(const absl::Status& trouble) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // All of it or, when the disk is full, nothing: RESOURCE_EXHAUSTED.
  absl::Status WriteBatch(std::vector<CommitQueue::Pending>& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status WriteAndCommit(std::vector<CommitQueue::Pending>& batch)
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

  const std::string path_;
  const Options options_;
  CommittedRows rows_;
  // A reader of the journal waits for the transaction under way.
  mutable absl::Mutex mu_;
  mutable Database database_ ABSL_GUARDED_BY(mu_);
  absl::Status broken_ ABSL_GUARDED_BY(mu_);
  int64_t transactions_ ABSL_GUARDED_BY(mu_) = 0;
  TransactionListener transaction_listener_ ABSL_GUARDED_BY(mu_);
  TroubleListener trouble_listener_ ABSL_GUARDED_BY(mu_);
  // Of its own, so that who asks does not wait for the disk.
  mutable absl::Mutex full_mu_;
  absl::Status full_ ABSL_GUARDED_BY(full_mu_);
  // Last: its thread uses all of the above.
  CommitQueue queue_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_STORE_SQLITE_JOB_STORE_H_
