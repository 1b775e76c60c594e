#include "tests/server/simulation/simulated_store.h"

#include <utility>

#include "proto/contract/status_macros.h"

namespace lockstep::testing {

void SimulatedStore::Commit(StoreWrite write, Done done) {
  waiting_.push_back({std::move(write), std::move(done)});
}

absl::Status SimulatedStore::Sync() {
  for (StoreWrite& write : std::exchange(cached_, {})) Apply(std::move(write));
  for (Waiting& next : std::exchange(waiting_, {})) {
    observer_(next.write);
    if (lies_) {
      cached_.push_back(std::move(next.write));
      synced_.push_back({{}, std::move(next.done)});
      continue;
    }
    RETURN_IF_ERROR(rows_.Check(next.write));
    synced_.push_back({Apply(std::move(next.write)), std::move(next.done)});
  }
  return absl::OkStatus();
}

bool SimulatedStore::TellNext() {
  if (synced_.empty()) return false;
  Told next = std::move(synced_.front());
  synced_.pop_front();
  next.done(std::move(next.entries));
  return true;
}

void SimulatedStore::Crash() {
  waiting_.clear();
  synced_.clear();
  cached_.clear();
}

std::vector<JournalEntry> SimulatedStore::Apply(StoreWrite write) {
  int64_t sequence = rows_.LastSequence();
  CommittedRows::Number(write, sequence);
  journal_.Apply(write);
  return rows_.Apply(write);
}

absl::StatusOr<std::vector<JobRow>> SimulatedStore::LoadAll() {
  return rows_.All();
}

absl::StatusOr<JobRow> SimulatedStore::FindRow(absl::string_view name) const {
  return rows_.FindRow(name);
}

absl::StatusOr<JobPage> SimulatedStore::List(const ListJobsQuery& query) const {
  return rows_.List(query);
}

absl::StatusOr<std::vector<v1::Checkpoint>> SimulatedStore::ListCheckpoints(
    absl::string_view job_name) const {
  return rows_.ListCheckpoints(job_name);
}

absl::StatusOr<std::vector<JournalEntry>> SimulatedStore::ReadJournal(
    int64_t after, int limit, absl::string_view job_name) const {
  return journal_.Read(after, rows_.LastSequence(), limit, job_name, rows_);
}

absl::StatusOr<std::vector<std::string>> SimulatedStore::Unforgotten() const {
  return journal_.unforgotten();
}

server::CoordinatorRecord SimulatedStore::Coordinator() const {
  return rows_.Coordinator();
}

std::vector<server::QueueRecord> SimulatedStore::Queues() const {
  return rows_.Queues();
}

int64_t SimulatedStore::LastSequence() const { return rows_.LastSequence(); }

void SimulatedStore::UpdateProgress(absl::string_view name,
                                    const v1::Progress& progress) {
  rows_.UpdateProgress(name, progress);
}

void SimulatedStore::UpdateGoodput(absl::string_view name,
                                   const v1::Goodput& goodput,
                                   const server::TimeAccount& account) {
  rows_.UpdateGoodput(name, goodput, account);
}

}  // namespace lockstep::testing
