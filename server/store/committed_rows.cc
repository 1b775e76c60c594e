#include "server/store/committed_rows.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"

namespace lockstep {
namespace {

std::string RequestKey(const server::JobRecord& record) {
  return absl::StrCat(record.job().owner(), absl::string_view("\0", 1),
                      record.request_id());
}

bool IsWanted(const ListJobsQuery& query, v1::Job::State state) {
  return query.states.empty() ||
         std::find(query.states.begin(), query.states.end(), state) !=
             query.states.end();
}

}  // namespace

std::string JobOfCheckpoint(absl::string_view checkpoint_name) {
  return std::string(
      checkpoint_name.substr(0, checkpoint_name.find("/checkpoints/")));
}

const CommittedRows::Row* CommittedRows::Find(absl::string_view name) const {
  const auto found = order_of_.find(name);
  return found == order_of_.end() ? nullptr : &rows_.at(found->second);
}

CommittedRows::Row* CommittedRows::Find(absl::string_view name) {
  return const_cast<Row*>(std::as_const(*this).Find(name));
}

void CommittedRows::Put(const server::JobRecord& record) {
  const std::string& name = record.job().name();
  Row* row = Find(name);
  if (row == nullptr) {
    const int64_t order = rows_.empty() ? 1 : rows_.rbegin()->first + 1;
    order_of_[name] = order;
    row = &rows_[order];
    if (!record.request_id().empty()) requests_[RequestKey(record)] = name;
  }
  row->record = record;
  row->record.mutable_job()->set_etag(absl::StrCat(record.version()));
}

void CommittedRows::RestoreJob(const server::JobRecord& record) {
  absl::MutexLock lock(&mu_);
  Put(record);
}

void CommittedRows::RestoreCheckpoint(const v1::Checkpoint& checkpoint) {
  absl::MutexLock lock(&mu_);
  Row* row = Find(JobOfCheckpoint(checkpoint.name()));
  if (row != nullptr) row->checkpoints[checkpoint.step()] = checkpoint;
}

void CommittedRows::RestoreSequence(int64_t sequence) {
  absl::MutexLock lock(&mu_);
  last_sequence_ = sequence;
}

absl::Status CommittedRows::Check(const StoreWrite& write) const {
  absl::MutexLock lock(&mu_);
  const auto exists = [&](absl::string_view name) ABSL_SHARED_LOCKS_REQUIRED(
                          mu_) {
    return Find(name) != nullptr ||
           std::any_of(
               write.jobs.begin(), write.jobs.end(),
               [&](const auto& record) { return record.job().name() == name; });
  };
  for (const server::JobRecord& record : write.jobs) {
    const Row* row = Find(record.job().name());
    const int64_t stored = row == nullptr ? 0 : row->record.version();
    if (record.version() != stored + 1) {
      return absl::FailedPreconditionError(
          absl::StrCat(record.job().name(), ": version ", record.version(),
                       " does not follow ", stored));
    }
    if (stored == 0 && !record.request_id().empty() &&
        requests_.contains(RequestKey(record))) {
      return absl::FailedPreconditionError(
          absl::StrCat(record.job().name(), ": request id ",
                       record.request_id(), " has a job already"));
    }
  }
  for (const v1::Event& event : write.events) {
    if (!exists(event.job())) {
      return absl::FailedPreconditionError(
          absl::StrCat("event ", event.type(), " of unknown ", event.job()));
    }
  }
  for (const v1::Checkpoint& checkpoint : write.checkpoints) {
    if (!exists(JobOfCheckpoint(checkpoint.name()))) {
      return absl::FailedPreconditionError(
          absl::StrCat("checkpoint ", checkpoint.name(), " of no job"));
    }
  }
  return absl::OkStatus();
}

void CommittedRows::Number(StoreWrite& write, int64_t& sequence) {
  for (v1::Event& event : write.events) event.set_sequence(++sequence);
}

std::vector<JournalEntry> CommittedRows::Apply(const StoreWrite& write) {
  absl::MutexLock lock(&mu_);
  for (const server::JobRecord& record : write.jobs) Put(record);
  for (const v1::Checkpoint& checkpoint : write.checkpoints) {
    Find(JobOfCheckpoint(checkpoint.name()))->checkpoints[checkpoint.step()] =
        checkpoint;
  }
  std::vector<JournalEntry> entries;
  entries.reserve(write.events.size());
  for (const v1::Event& event : write.events) {
    last_sequence_ = event.sequence();
    entries.push_back({event, Find(event.job())->record.job()});
  }
  return entries;
}

std::vector<server::JobRecord> CommittedRows::All() const {
  absl::MutexLock lock(&mu_);
  std::vector<server::JobRecord> records;
  records.reserve(rows_.size());
  for (const auto& [order, row] : rows_) records.push_back(row.record);
  return records;
}

absl::StatusOr<v1::Job> CommittedRows::Get(absl::string_view name) const {
  absl::MutexLock lock(&mu_);
  const Row* row = Find(name);
  if (row == nullptr) return errors::JobNotFound(name);
  return row->record.job();
}

absl::StatusOr<JobPage> CommittedRows::List(const ListJobsQuery& query) const {
  int64_t before = 0;
  if (!query.page_token.empty() &&
      (!absl::SimpleAtoi(query.page_token, &before) || before <= 0)) {
    return errors::InvalidPageToken(query.page_token);
  }
  absl::MutexLock lock(&mu_);
  JobPage page;
  auto end = before == 0 ? rows_.end() : rows_.lower_bound(before);
  for (auto row = std::make_reverse_iterator(end); row != rows_.rend(); ++row) {
    const v1::Job& job = row->second.record.job();
    if (!IsWanted(query, job.state())) continue;
    if (static_cast<int>(page.jobs.size()) == query.page_size) {
      // Another one follows; the token is the last that was given.
      page.next_page_token =
          absl::StrCat(order_of_.at(page.jobs.back().name()));
      break;
    }
    page.jobs.push_back(job);
  }
  return page;
}

absl::StatusOr<std::vector<v1::Checkpoint>> CommittedRows::ListCheckpoints(
    absl::string_view job_name) const {
  absl::MutexLock lock(&mu_);
  const Row* row = Find(job_name);
  if (row == nullptr) return errors::JobNotFound(job_name);
  std::vector<v1::Checkpoint> checkpoints;
  for (const auto& [step, checkpoint] : row->checkpoints) {
    checkpoints.push_back(checkpoint);
  }
  return checkpoints;
}

int64_t CommittedRows::LastSequence() const {
  absl::MutexLock lock(&mu_);
  return last_sequence_;
}

void CommittedRows::UpdateProgress(absl::string_view name,
                                   const v1::Progress& progress) {
  absl::MutexLock lock(&mu_);
  Row* row = Find(name);
  if (row != nullptr) *row->record.mutable_job()->mutable_progress() = progress;
}

}  // namespace lockstep
