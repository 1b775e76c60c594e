#include "server/store/sqlite_job_store.h"

#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"
#include "server/store/schema.h"

namespace lockstep {
namespace {

absl::Status Unreadable(absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat("the job store holds a ", what,
                   " that cannot be read; restore it from a backup"));
}

}  // namespace

absl::StatusOr<SqliteJobStore::Database> SqliteJobStore::Prepare(
    sqlite::Connection connection) {
  ASSIGN_OR_RETURN(
      sqlite::Statement insert_job,
      connection.Prepare("INSERT INTO jobs (name, version, owner, request_id, "
                         "record) VALUES (?, 1, ?, ?, ?)"));
  // Only the version that follows the stored one.
  ASSIGN_OR_RETURN(
      sqlite::Statement update_job,
      connection.Prepare("UPDATE jobs SET version = ?1, record = ?2 "
                         "WHERE name = ?3 AND version = ?1 - 1"));
  // Of a job that is there, or the word that it is no more.
  ASSIGN_OR_RETURN(
      sqlite::Statement insert_event,
      connection.Prepare(
          "INSERT INTO journal (sequence, job, event) SELECT ?1, ?2, ?3 "
          "WHERE ?4 OR EXISTS (SELECT 1 FROM jobs WHERE name = ?2)"));
  ASSIGN_OR_RETURN(
      sqlite::Statement put_checkpoint,
      connection.Prepare("INSERT OR REPLACE INTO checkpoints (job, step, "
                         "checkpoint) VALUES (?, ?, ?)"));
  ASSIGN_OR_RETURN(
      sqlite::Statement remember_uid,
      connection.Prepare("INSERT INTO deleted_jobs (uid) VALUES (?)"));
  ASSIGN_OR_RETURN(sqlite::Statement delete_checkpoints,
                   connection.Prepare("DELETE FROM checkpoints WHERE job = ?"));
  ASSIGN_OR_RETURN(sqlite::Statement delete_events,
                   connection.Prepare("DELETE FROM journal WHERE job = ?"));
  ASSIGN_OR_RETURN(sqlite::Statement delete_job,
                   connection.Prepare("DELETE FROM jobs WHERE name = ?"));
  ASSIGN_OR_RETURN(
      sqlite::Statement forget_uid,
      connection.Prepare("DELETE FROM deleted_jobs WHERE uid = ?"));
  ASSIGN_OR_RETURN(
      sqlite::Statement read_journal,
      connection.Prepare("SELECT event FROM journal WHERE sequence > ?1 "
                         "ORDER BY sequence LIMIT ?2"));
  ASSIGN_OR_RETURN(
      sqlite::Statement read_job_journal,
      connection.Prepare("SELECT event FROM journal WHERE sequence > ?1 AND "
                         "job = ?3 ORDER BY sequence LIMIT ?2"));
  return Database{.connection = std::move(connection),
                  .insert_job = std::move(insert_job),
                  .update_job = std::move(update_job),
                  .insert_event = std::move(insert_event),
                  .put_checkpoint = std::move(put_checkpoint),
                  .remember_uid = std::move(remember_uid),
                  .delete_checkpoints = std::move(delete_checkpoints),
                  .delete_events = std::move(delete_events),
                  .delete_job = std::move(delete_job),
                  .forget_uid = std::move(forget_uid),
                  .read_journal = std::move(read_journal),
                  .read_job_journal = std::move(read_job_journal)};
}

absl::StatusOr<std::unique_ptr<SqliteJobStore>> SqliteJobStore::Open(
    const std::string& path) {
  ASSIGN_OR_RETURN(sqlite::Connection connection, OpenStoreFile(path));
  ASSIGN_OR_RETURN(Database database, Prepare(std::move(connection)));
  std::unique_ptr<SqliteJobStore> store(
      new SqliteJobStore(std::move(database)));
  RETURN_IF_ERROR(store->Load());
  return store;
}

SqliteJobStore::SqliteJobStore(Database database)
    : database_(std::move(database)),
      queue_([this](std::vector<CommitQueue::Pending> batch) {
        Process(std::move(batch));
      }) {}

SqliteJobStore::~SqliteJobStore() = default;

absl::Status SqliteJobStore::Load() {
  absl::MutexLock lock(&mu_);
  sqlite::Connection& connection = database_.connection;
  ASSIGN_OR_RETURN(sqlite::Statement jobs,
                   connection.Prepare("SELECT id, record FROM jobs"));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, jobs.Step());
    if (!row) break;
    server::JobRecord record;
    if (!record.ParseFromString(jobs.Bytes(1))) return Unreadable("job");
    rows_.RestoreJob(jobs.Int(0), record);
  }
  ASSIGN_OR_RETURN(sqlite::Statement checkpoints,
                   connection.Prepare("SELECT checkpoint FROM checkpoints"));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, checkpoints.Step());
    if (!row) break;
    v1::Checkpoint checkpoint;
    if (!checkpoint.ParseFromString(checkpoints.Bytes(0))) {
      return Unreadable("checkpoint");
    }
    rows_.RestoreCheckpoint(checkpoint);
  }
  ASSIGN_OR_RETURN(
      const int64_t order,
      connection.QueryInt("SELECT ifnull(max(seq), 0) FROM sqlite_sequence "
                          "WHERE name = 'jobs'"));
  ASSIGN_OR_RETURN(
      const int64_t sequence,
      connection.QueryInt("SELECT ifnull(max(sequence), 0) FROM journal"));
  rows_.RestoreCounters(order, sequence);
  return absl::OkStatus();
}

void SqliteJobStore::Commit(StoreWrite write, Done done) {
  queue_.Push({std::move(write), std::move(done)});
}

void SqliteJobStore::Process(std::vector<CommitQueue::Pending> batch) {
  absl::Status status;
  {
    absl::MutexLock lock(&mu_);
    // After a failed commit nobody knows what is on disk, and the scheduler is
    // ahead of it: only a new start reads the truth.
    if (broken_.ok()) broken_ = WriteBatch(batch);
    status = broken_;
  }
  for (CommitQueue::Pending& pending : batch) {
    if (status.ok()) {
      pending.done(rows_.Apply(pending.write));
    } else {
      pending.done(errors::StoreUnavailable(status.message()));
    }
  }
}

absl::Status SqliteJobStore::WriteBatch(
    std::vector<CommitQueue::Pending>& batch) {
  sqlite::Connection& connection = database_.connection;
  RETURN_IF_ERROR(connection.Execute("BEGIN IMMEDIATE"));
  auto rollback =
      absl::MakeCleanup([&] { connection.Execute("ROLLBACK").IgnoreError(); });
  int64_t sequence = rows_.LastSequence();
  for (CommitQueue::Pending& pending : batch) {
    CommittedRows::Number(pending.write, sequence);
    RETURN_IF_ERROR(WriteOne(pending.write));
  }
  RETURN_IF_ERROR(connection.Execute("COMMIT"));
  std::move(rollback).Cancel();
  ++transactions_;
  return absl::OkStatus();
}

absl::Status SqliteJobStore::WriteOne(const StoreWrite& write) {
  for (const server::JobRecord& record : write.jobs) {
    RETURN_IF_ERROR(WriteJob(record));
  }
  for (const DeletedJob& job : write.deletions) {
    RETURN_IF_ERROR(DeleteJob(job));
  }
  for (const std::string& uid : write.forgotten) {
    RETURN_IF_ERROR(database_.forget_uid.BindText(1, uid).Run());
  }
  for (const v1::Event& event : write.events) {
    RETURN_IF_ERROR(WriteEvent(event));
  }
  for (const v1::Checkpoint& checkpoint : write.checkpoints) {
    RETURN_IF_ERROR(
        database_.put_checkpoint.BindText(1, JobOfCheckpoint(checkpoint.name()))
            .Bind(2, checkpoint.step())
            .BindBlob(3, checkpoint.SerializeAsString())
            .Run());
  }
  return absl::OkStatus();
}

absl::Status SqliteJobStore::WriteJob(const server::JobRecord& record) {
  const std::string bytes = record.SerializeAsString();
  if (record.version() == 1) {
    return database_.insert_job.BindText(1, record.job().name())
        .BindText(2, record.job().owner())
        .BindText(3, record.request_id())
        .BindBlob(4, bytes)
        .Run();
  }
  RETURN_IF_ERROR(database_.update_job.Bind(1, record.version())
                      .BindBlob(2, bytes)
                      .BindText(3, record.job().name())
                      .Run());
  if (database_.connection.changes() == 1) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(record.job().name(), ": version ", record.version(),
                   " does not follow the stored one"));
}

absl::Status SqliteJobStore::DeleteJob(const DeletedJob& job) {
  RETURN_IF_ERROR(database_.delete_checkpoints.BindText(1, job.name).Run());
  RETURN_IF_ERROR(database_.delete_events.BindText(1, job.name).Run());
  RETURN_IF_ERROR(database_.delete_job.BindText(1, job.name).Run());
  if (database_.connection.changes() != 1) {
    return absl::FailedPreconditionError(
        absl::StrCat("deletion of unknown ", job.name));
  }
  return database_.remember_uid.BindText(1, job.uid).Run();
}

absl::Status SqliteJobStore::WriteEvent(const v1::Event& event) {
  RETURN_IF_ERROR(database_.insert_event.Bind(1, event.sequence())
                      .BindText(2, event.job())
                      .BindBlob(3, event.SerializeAsString())
                      .Bind(4, event.type() == kJobDeleted ? 1 : 0)
                      .Run());
  if (database_.connection.changes() == 1) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("event ", event.type(), " of unknown ", event.job()));
}

absl::StatusOr<std::vector<server::JobRecord>> SqliteJobStore::LoadAll() {
  return rows_.All();
}

absl::StatusOr<v1::Job> SqliteJobStore::Get(absl::string_view name) const {
  return rows_.Get(name);
}

absl::StatusOr<JobPage> SqliteJobStore::List(const ListJobsQuery& query) const {
  return rows_.List(query);
}

absl::StatusOr<std::vector<v1::Checkpoint>> SqliteJobStore::ListCheckpoints(
    absl::string_view job_name) const {
  return rows_.ListCheckpoints(job_name);
}

absl::StatusOr<std::vector<v1::Event>> SqliteJobStore::ReadEvents(
    int64_t after, int limit, absl::string_view job_name) const {
  absl::MutexLock lock(&mu_);
  sqlite::Statement& query =
      job_name.empty() ? database_.read_journal : database_.read_job_journal;
  auto reset = absl::MakeCleanup([&] { query.Reset(); });
  query.Bind(1, after).Bind(2, limit);
  if (!job_name.empty()) query.BindText(3, job_name);
  std::vector<v1::Event> events;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return events;
    v1::Event event;
    if (!event.ParseFromString(query.Bytes(0))) {
      return Unreadable("journal entry");
    }
    events.push_back(std::move(event));
  }
}

absl::StatusOr<std::vector<JournalEntry>> SqliteJobStore::ReadJournal(
    int64_t after, int limit, absl::string_view job_name) const {
  std::vector<JournalEntry> entries;
  while (static_cast<int>(entries.size()) < limit) {
    const int wanted = limit - static_cast<int>(entries.size());
    ASSIGN_OR_RETURN(std::vector<v1::Event> events,
                     ReadEvents(after, wanted, job_name));
    const bool more = static_cast<int>(events.size()) == wanted;
    // On disk, but not told to its writer yet: not committed for readers.
    const int64_t last = rows_.LastSequence();
    for (v1::Event& event : events) {
      after = event.sequence();
      if (after > last) return entries;
      std::optional<JournalEntry> entry = rows_.EntryOf(std::move(event));
      if (entry.has_value()) entries.push_back(*std::move(entry));
    }
    if (!more) break;
  }
  return entries;
}

absl::StatusOr<std::vector<std::string>> SqliteJobStore::Unforgotten() const {
  absl::MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(
      sqlite::Statement query,
      database_.connection.Prepare("SELECT uid FROM deleted_jobs"));
  std::vector<std::string> uids;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return uids;
    uids.push_back(query.Bytes(0));
  }
}

int64_t SqliteJobStore::LastSequence() const { return rows_.LastSequence(); }

void SqliteJobStore::UpdateProgress(absl::string_view name,
                                    const v1::Progress& progress) {
  rows_.UpdateProgress(name, progress);
}

int64_t SqliteJobStore::transactions() const {
  absl::MutexLock lock(&mu_);
  return transactions_;
}

}  // namespace lockstep
