#include "server/store/memory_job_store.h"

#include <utility>

#include "proto/contract/errors.h"

namespace lockstep {

MemoryJobStore::MemoryJobStore()
    : queue_([this](std::vector<CommitQueue::Pending> batch) {
        Process(std::move(batch));
      }) {}

MemoryJobStore::~MemoryJobStore() = default;

void MemoryJobStore::Break(absl::Status why) {
  absl::MutexLock lock(&mu_);
  broken_ = std::move(why);
}

void MemoryJobStore::Commit(StoreWrite write, Done done) {
  queue_.Push({std::move(write), std::move(done)});
}

void MemoryJobStore::Process(std::vector<CommitQueue::Pending> batch) {
  for (CommitQueue::Pending& pending : batch) {
    pending.done(ProcessOne(std::move(pending.write)));
  }
}

absl::StatusOr<std::vector<JournalEntry>> MemoryJobStore::ProcessOne(
    StoreWrite write) {
  {
    absl::MutexLock lock(&mu_);
    if (broken_.ok()) broken_ = rows_.Check(write);
    if (!broken_.ok()) return errors::StoreUnavailable(broken_.message());
    int64_t sequence = rows_.LastSequence();
    CommittedRows::Number(write, sequence);
    journal_.Apply(write);
  }
  return rows_.Apply(write);
}

absl::StatusOr<std::vector<JobRow>> MemoryJobStore::LoadAll() {
  return rows_.All();
}

absl::StatusOr<JobRow> MemoryJobStore::FindRow(absl::string_view name) const {
  return rows_.FindRow(name);
}

absl::StatusOr<JobPage> MemoryJobStore::List(const ListJobsQuery& query) const {
  return rows_.List(query);
}

absl::StatusOr<std::vector<v1::Checkpoint>> MemoryJobStore::ListCheckpoints(
    absl::string_view job_name) const {
  return rows_.ListCheckpoints(job_name);
}

absl::StatusOr<std::vector<JournalEntry>> MemoryJobStore::ReadJournal(
    int64_t after, int limit, absl::string_view job_name) const {
  const int64_t last = rows_.LastSequence();
  absl::MutexLock lock(&mu_);
  return journal_.Read(after, last, limit, job_name, rows_);
}

absl::StatusOr<std::vector<std::string>> MemoryJobStore::Unforgotten() const {
  absl::MutexLock lock(&mu_);
  return journal_.unforgotten();
}

server::CoordinatorRecord MemoryJobStore::Coordinator() const {
  return rows_.Coordinator();
}

std::vector<server::QueueRecord> MemoryJobStore::Queues() const {
  return rows_.Queues();
}

int64_t MemoryJobStore::LastSequence() const { return rows_.LastSequence(); }

void MemoryJobStore::UpdateProgress(absl::string_view name,
                                    const v1::Progress& progress) {
  rows_.UpdateProgress(name, progress);
}

void MemoryJobStore::UpdateGoodput(absl::string_view name,
                                   const v1::Goodput& goodput,
                                   const server::TimeAccount& account) {
  rows_.UpdateGoodput(name, goodput, account);
}

}  // namespace lockstep
