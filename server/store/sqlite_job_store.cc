#include "server/store/sqlite_job_store.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"

namespace lockstep {

SqliteJobStore::SqliteJobStore(Database database)
    : database_(std::move(database)),
      queue_([this](std::vector<CommitQueue::Pending> batch) {
        Process(std::move(batch));
      }) {}

SqliteJobStore::~SqliteJobStore() = default;

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
  for (const JobRow& row : write.jobs) {
    RETURN_IF_ERROR(WriteJob(*row));
  }
  for (const DeletedJob& job : write.deletions) {
    RETURN_IF_ERROR(DeleteJob(job));
  }
  for (const std::string& uid : write.forgotten) {
    RETURN_IF_ERROR(database_.forget_uid.BindText(1, uid).Run());
  }
  if (write.coordinator.has_value()) {
    RETURN_IF_ERROR(database_.put_coordinator
                        .BindBlob(1, write.coordinator->SerializeAsString())
                        .Run());
  }
  RETURN_IF_ERROR(WriteQueues(write));
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
  for (const std::string& name : write.unlisted) {
    RETURN_IF_ERROR(UnlistCheckpoint(name));
  }
  return absl::OkStatus();
}

absl::Status SqliteJobStore::WriteQueues(const StoreWrite& write) {
  for (const server::QueueRecord& record : write.queues) {
    RETURN_IF_ERROR(database_.put_queue.BindText(1, record.queue().name())
                        .BindBlob(2, record.SerializeAsString())
                        .Run());
  }
  for (const std::string& name : write.deleted_queues) {
    RETURN_IF_ERROR(database_.delete_queue.BindText(1, name).Run());
    if (database_.connection.changes() == 1) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("deletion of unknown ", name));
  }
  return absl::OkStatus();
}

absl::Status SqliteJobStore::UnlistCheckpoint(const std::string& name) {
  RETURN_IF_ERROR(database_.unlist_checkpoint.BindText(1, JobOfCheckpoint(name))
                      .Bind(2, StepOfCheckpoint(name))
                      .Run());
  if (database_.connection.changes() == 1) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("checkpoint ", name, " is not listed"));
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

absl::StatusOr<std::vector<JobRow>> SqliteJobStore::LoadAll() {
  return rows_.All();
}

absl::StatusOr<JobRow> SqliteJobStore::FindRow(absl::string_view name) const {
  return rows_.FindRow(name);
}

absl::StatusOr<JobPage> SqliteJobStore::List(const ListJobsQuery& query) const {
  return rows_.List(query);
}

absl::StatusOr<std::vector<v1::Checkpoint>> SqliteJobStore::ListCheckpoints(
    absl::string_view job_name) const {
  return rows_.ListCheckpoints(job_name);
}

server::CoordinatorRecord SqliteJobStore::Coordinator() const {
  return rows_.Coordinator();
}

std::vector<server::QueueRecord> SqliteJobStore::Queues() const {
  return rows_.Queues();
}

int64_t SqliteJobStore::LastSequence() const { return rows_.LastSequence(); }

void SqliteJobStore::UpdateProgress(absl::string_view name,
                                    const v1::Progress& progress) {
  rows_.UpdateProgress(name, progress);
}

void SqliteJobStore::UpdateGoodput(absl::string_view name,
                                   const v1::Goodput& goodput,
                                   const server::TimeAccount& account) {
  rows_.UpdateGoodput(name, goodput, account);
}

int64_t SqliteJobStore::transactions() const {
  absl::MutexLock lock(&mu_);
  return transactions_;
}

}  // namespace lockstep
