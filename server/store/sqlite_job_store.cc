#include "server/store/sqlite_job_store.h"

#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

absl::Status StoreFull(absl::string_view why) {
  return errors::Error(
      absl::StatusCode::kResourceExhausted, "STORE_FULL",
      absl::StrCat("the disk of the job store is full: ", why,
                   ". Nothing was changed; make room there, and ask again"));
}

}  // namespace

SqliteJobStore::SqliteJobStore(const std::string& path, const Options& options,
                               Database database)
    : path_(path),
      options_(options),
      database_(std::move(database)),
      queue_([this](std::vector<CommitQueue::Pending> batch) {
        Process(std::move(batch));
      }) {}

SqliteJobStore::~SqliteJobStore() = default;

void SqliteJobStore::Commit(StoreWrite write, Done done) {
  queue_.Push({std::move(write), std::move(done)});
}

absl::Status SqliteJobStore::CheckRoom(Demand demand) const {
  {
    absl::MutexLock lock(&full_mu_);
    if (!full_.ok()) return StoreFull(full_.message());
  }
  if (demand != Demand::kNewJob) return absl::OkStatus();
  std::error_code untold;
  const std::filesystem::space_info disk =
      std::filesystem::space(path_, untold);
  const auto reserve = static_cast<uintmax_t>(options_.reserve_bytes);
  if (untold || disk.available >= reserve) return absl::OkStatus();
  return StoreFull(absl::StrCat(disk.available, " bytes are free where ", path_,
                                " is, and with less than ", reserve,
                                " no job is taken"));
}

void SqliteJobStore::Process(std::vector<CommitQueue::Pending> batch) {
  absl::Status status = Transact(batch);
  if (absl::IsResourceExhausted(status)) status = WaitForRoom(status, batch);
  for (CommitQueue::Pending& pending : batch) {
    if (status.ok()) {
      pending.done(rows_.Apply(pending.write));
    } else {
      pending.done(errors::StoreUnavailable(status.message()));
    }
  }
}

absl::Status SqliteJobStore::WaitForRoom(
    const absl::Status& full, std::vector<CommitQueue::Pending>& batch) {
  SetFull(full);
  absl::Status status = full;
  while (absl::IsResourceExhausted(status)) {
    if (!queue_.Wait(options_.full_retry)) {
      absl::MutexLock lock(&mu_);
      // What comes after it may rest on it.
      broken_ = status;
      return status;
    }
    status = Transact(batch);
  }
  SetFull(absl::OkStatus());
  return status;
}

void SqliteJobStore::SetFull(const absl::Status& full) {
  {
    absl::MutexLock lock(&full_mu_);
    full_ = full;
  }
  absl::MutexLock lock(&mu_);
  if (broken_.ok()) Tell(full);
}

void SqliteJobStore::Tell(const absl::Status& trouble) {
  if (trouble_listener_ != nullptr) trouble_listener_(trouble);
}

absl::Status SqliteJobStore::Transact(
    std::vector<CommitQueue::Pending>& batch) {
  absl::MutexLock lock(&mu_);
  if (!broken_.ok()) return broken_;
  const auto begin = std::chrono::steady_clock::now();
  absl::Status status = WriteBatch(batch);
  if (transaction_listener_ != nullptr) {
    transaction_listener_(
        absl::FromChrono(std::chrono::steady_clock::now() - begin));
  }
  if (absl::IsResourceExhausted(status)) return status;
  broken_ = status;
  if (!broken_.ok()) Tell(broken_);
  return status;
}

absl::Status SqliteJobStore::WriteBatch(
    std::vector<CommitQueue::Pending>& batch) {
  sqlite::Connection& connection = database_.connection;
  RETURN_IF_ERROR(connection.Execute("BEGIN IMMEDIATE"));
  absl::Status status = WriteAndCommit(batch);
  if (status.ok()) {
    ++transactions_;
    return status;
  }
  // Some errors make SQLite roll back by itself.
  if (!connection.InTransaction()) return status;
  const absl::Status undone = connection.Execute("ROLLBACK");
  if (undone.ok()) return status;
  return absl::InternalError(absl::StrCat(
      status.message(), ", and it cannot be rolled back: ", undone.message()));
}

absl::Status SqliteJobStore::WriteAndCommit(
    std::vector<CommitQueue::Pending>& batch) {
  int64_t sequence = rows_.LastSequence();
  for (CommitQueue::Pending& pending : batch) {
    CommittedRows::Number(pending.write, sequence);
    RETURN_IF_ERROR(WriteOne(pending.write));
  }
  return database_.connection.Execute("COMMIT");
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
  for (const QueueRow& row : write.queues) {
    RETURN_IF_ERROR(database_.put_queue.BindText(1, row->queue().name())
                        .BindBlob(2, row->SerializeAsString())
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

void SqliteJobStore::SetTransactionListener(TransactionListener listener) {
  absl::MutexLock lock(&mu_);
  transaction_listener_ = std::move(listener);
}

void SqliteJobStore::SetTroubleListener(TroubleListener listener) {
  absl::MutexLock lock(&mu_);
  trouble_listener_ = std::move(listener);
}

int64_t SqliteJobStore::transactions() const {
  absl::MutexLock lock(&mu_);
  return transactions_;
}

}  // namespace lockstep
