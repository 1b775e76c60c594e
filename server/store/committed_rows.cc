#include "server/store/committed_rows.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "server/store/goodput.h"

namespace lockstep {
namespace {

std::string RequestKey(const server::JobRecord& record) {
  return absl::StrCat(record.job().owner(), absl::string_view("\0", 1),
                      record.request_id());
}

// What an event of a job that is no more comes with.
SharedJob NameOnly(const std::string& name) {
  auto job = std::make_shared<v1::Job>();
  job->set_name(name);
  return job;
}

// The jobs of one page. `rows` go from where the page before ended to the end,
// in the wanted order; `row_of` and `key_of` look at an element of them.
template <typename Iterator, typename RowOf, typename KeyOf>
JobPage PageOf(const ListJobsQuery& query, Iterator row, const Iterator& end,
               const RowOf& row_of, const KeyOf& key_of) {
  JobPage page;
  std::string last;
  for (; row != end; ++row) {
    const server::JobRecord& record = row_of(*row);
    const v1::Job& job = record.job();
    if (query.matches && !query.matches(job)) continue;
    if (static_cast<int>(page.jobs.size()) == query.page_size) {
      // Another one follows; the token is the last that was given.
      page.next_page_token = last;
      break;
    }
    page.jobs.push_back(job);
    if (query.goodput_until.has_value()) {
      *page.jobs.back().mutable_goodput() =
          GoodputAt(record, *query.goodput_until);
    }
    last = key_of(*row);
  }
  return page;
}

// The page in this map, whose keys are the order, behind the key `after`.
template <typename Map, typename Key, typename RowOf, typename KeyOf>
JobPage PageIn(const ListJobsQuery& query, const Map& map,
               const std::optional<Key>& after, const RowOf& row_of,
               const KeyOf& key_of) {
  if (query.descending) {
    const auto end = after.has_value() ? map.lower_bound(*after) : map.end();
    return PageOf(query, std::make_reverse_iterator(end), map.rend(), row_of,
                  key_of);
  }
  const auto begin = after.has_value() ? map.upper_bound(*after) : map.begin();
  return PageOf(query, begin, map.end(), row_of, key_of);
}

}  // namespace

std::string JobOfCheckpoint(absl::string_view checkpoint_name) {
  return std::string(
      checkpoint_name.substr(0, checkpoint_name.find("/checkpoints/")));
}

int64_t StepOfCheckpoint(absl::string_view checkpoint_name) {
  int64_t step = 0;
  const size_t slash = checkpoint_name.rfind('/');
  if (slash == absl::string_view::npos ||
      !absl::SimpleAtoi(checkpoint_name.substr(slash + 1), &step)) {
    return 0;
  }
  return step;
}

const CommittedRows::Row* CommittedRows::RowOf(absl::string_view name) const {
  const auto found = order_of_.find(name);
  return found == order_of_.end() ? nullptr : &rows_.at(found->second);
}

CommittedRows::Row* CommittedRows::RowOf(absl::string_view name) {
  return const_cast<Row*>(std::as_const(*this).RowOf(name));
}

void CommittedRows::Put(const JobRow& record) {
  Row* row = RowOf(record->job().name());
  if (row == nullptr) return Insert(last_order_ + 1, record);
  row->record = record;
}

void CommittedRows::Insert(int64_t order, JobRow record) {
  const std::string& name = record->job().name();
  last_order_ = std::max(last_order_, order);
  order_of_[name] = order;
  if (!record->request_id().empty()) requests_[RequestKey(*record)] = name;
  // Most often behind all others.
  rows_.emplace_hint(rows_.end(), order, Row{std::move(record), {}});
}

void CommittedRows::Erase(const std::string& name) {
  const auto found = order_of_.find(name);
  requests_.erase(RequestKey(*rows_.at(found->second).record));
  rows_.erase(found->second);
  order_of_.erase(found);
}

void CommittedRows::RestoreJob(int64_t order, JobRow row) {
  absl::MutexLock lock(&mu_);
  Insert(order, std::move(row));
}

void CommittedRows::RestoreCheckpoint(const v1::Checkpoint& checkpoint) {
  absl::MutexLock lock(&mu_);
  Row* row = RowOf(JobOfCheckpoint(checkpoint.name()));
  if (row != nullptr) row->checkpoints[checkpoint.step()] = checkpoint;
}

void CommittedRows::RestoreCounters(int64_t order, int64_t sequence) {
  absl::MutexLock lock(&mu_);
  last_order_ = std::max(last_order_, order);
  last_sequence_ = sequence;
}

void CommittedRows::RestoreCoordinator(
    const server::CoordinatorRecord& record) {
  absl::MutexLock lock(&mu_);
  coordinator_ = record;
}

void CommittedRows::RestoreQueue(const server::QueueRecord& record) {
  absl::MutexLock lock(&mu_);
  queues_[record.queue().name()] = MakeQueueRow(record);
}

absl::Status CommittedRows::Check(const StoreWrite& write) const {
  absl::MutexLock lock(&mu_);
  const auto exists =
      [&](absl::string_view name) ABSL_SHARED_LOCKS_REQUIRED(mu_) {
        return RowOf(name) != nullptr ||
               std::any_of(write.jobs.begin(), write.jobs.end(),
                           [&](const auto& record) {
                             return record->job().name() == name;
                           });
      };
  for (const JobRow& record : write.jobs) {
    const Row* row = RowOf(record->job().name());
    const int64_t stored = row == nullptr ? 0 : row->record->version();
    if (record->version() != stored + 1) {
      return absl::FailedPreconditionError(
          absl::StrCat(record->job().name(), ": version ", record->version(),
                       " does not follow ", stored));
    }
    if (stored == 0 && !record->request_id().empty() &&
        requests_.contains(RequestKey(*record))) {
      return absl::FailedPreconditionError(
          absl::StrCat(record->job().name(), ": request id ",
                       record->request_id(), " has a job already"));
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
  for (const std::string& name : write.unlisted) {
    const Row* row = RowOf(JobOfCheckpoint(name));
    if (row == nullptr || !row->checkpoints.contains(StepOfCheckpoint(name))) {
      return absl::FailedPreconditionError(
          absl::StrCat("checkpoint ", name, " is not listed"));
    }
  }
  for (const DeletedJob& job : write.deletions) {
    if (RowOf(job.name) == nullptr) {
      return absl::FailedPreconditionError(
          absl::StrCat("deletion of unknown ", job.name));
    }
  }
  for (const std::string& name : write.deleted_queues) {
    if (!queues_.contains(name)) {
      return absl::FailedPreconditionError(
          absl::StrCat("deletion of unknown ", name));
    }
  }
  return absl::OkStatus();
}

void CommittedRows::Number(StoreWrite& write, int64_t& sequence) {
  for (v1::Event& event : write.events) event.set_sequence(++sequence);
}

std::vector<JournalEntry> CommittedRows::Apply(const StoreWrite& write) {
  absl::MutexLock lock(&mu_);
  for (const JobRow& record : write.jobs) Put(record);
  for (const v1::Checkpoint& checkpoint : write.checkpoints) {
    RowOf(JobOfCheckpoint(checkpoint.name()))->checkpoints[checkpoint.step()] =
        checkpoint;
  }
  for (const std::string& name : write.unlisted) {
    RowOf(JobOfCheckpoint(name))->checkpoints.erase(StepOfCheckpoint(name));
  }
  for (const DeletedJob& job : write.deletions) Erase(job.name);
  if (write.coordinator.has_value()) coordinator_ = *write.coordinator;
  for (const QueueRow& row : write.queues) queues_[row->queue().name()] = row;
  for (const std::string& name : write.deleted_queues) queues_.erase(name);
  std::vector<JournalEntry> entries;
  entries.reserve(write.events.size());
  for (const v1::Event& event : write.events) {
    last_sequence_ = event.sequence();
    const Row* row = RowOf(event.job());
    entries.push_back(
        {event, row == nullptr ? NameOnly(event.job()) : JobOf(row->record)});
  }
  return entries;
}

std::optional<JournalEntry> CommittedRows::EntryOf(v1::Event event) const {
  // Its name may be another job's by now.
  if (event.type() == kJobDeleted) {
    SharedJob job = NameOnly(event.job());
    return JournalEntry{std::move(event), std::move(job)};
  }
  absl::MutexLock lock(&mu_);
  const Row* row = RowOf(event.job());
  if (row == nullptr) return std::nullopt;
  return JournalEntry{std::move(event), JobOf(row->record)};
}

std::vector<JobRow> CommittedRows::All() const {
  absl::MutexLock lock(&mu_);
  std::vector<JobRow> records;
  records.reserve(rows_.size());
  for (const auto& [order, row] : rows_) records.push_back(row.record);
  return records;
}

absl::StatusOr<JobRow> CommittedRows::FindRow(absl::string_view name) const {
  absl::MutexLock lock(&mu_);
  const Row* row = RowOf(name);
  if (row == nullptr) return errors::JobNotFound(name);
  return row->record;
}

absl::StatusOr<JobPage> CommittedRows::List(const ListJobsQuery& query) const {
  const std::string& token = query.page_token;
  absl::MutexLock lock(&mu_);
  if (query.order == ListJobsQuery::Order::kName) {
    const auto row_of = [&](const auto& entry) ABSL_SHARED_LOCKS_REQUIRED(
                            mu_) -> const server::JobRecord& {
      return *rows_.at(entry.second).record;
    };
    const auto key_of = [](const auto& entry) { return entry.first; };
    return PageIn(query, order_of_,
                  token.empty() ? std::nullopt : std::optional(token), row_of,
                  key_of);
  }
  std::optional<int64_t> after;
  if (!token.empty()) {
    after.emplace();
    if (!absl::SimpleAtoi(token, &*after) || *after <= 0) {
      return errors::InvalidPageToken(token);
    }
  }
  const auto row_of = [](const auto& entry) -> const server::JobRecord& {
    return *entry.second.record;
  };
  const auto key_of = [](const auto& entry) {
    return absl::StrCat(entry.first);
  };
  return PageIn(query, rows_, after, row_of, key_of);
}

absl::StatusOr<std::vector<v1::Checkpoint>> CommittedRows::ListCheckpoints(
    absl::string_view job_name) const {
  absl::MutexLock lock(&mu_);
  const Row* row = RowOf(job_name);
  if (row == nullptr) return errors::JobNotFound(job_name);
  std::vector<v1::Checkpoint> checkpoints;
  for (const auto& [step, checkpoint] : row->checkpoints) {
    checkpoints.push_back(checkpoint);
  }
  return checkpoints;
}

server::CoordinatorRecord CommittedRows::Coordinator() const {
  absl::MutexLock lock(&mu_);
  return coordinator_;
}

std::vector<server::QueueRecord> CommittedRows::Queues() const {
  absl::MutexLock lock(&mu_);
  std::vector<server::QueueRecord> queues;
  queues.reserve(queues_.size());
  for (const auto& [name, row] : queues_) queues.push_back(*row);
  return queues;
}

int64_t CommittedRows::LastSequence() const {
  absl::MutexLock lock(&mu_);
  return last_sequence_;
}

void CommittedRows::UpdateProgress(absl::string_view name,
                                   const v1::Progress& progress) {
  absl::MutexLock lock(&mu_);
  Row* row = RowOf(name);
  if (row == nullptr) return;
  // Others hold the row as it was.
  server::JobRecord record = *row->record;
  *record.mutable_job()->mutable_progress() = progress;
  row->record = MakeJobRow(std::move(record));
}

void CommittedRows::UpdateGoodput(absl::string_view name,
                                  const v1::Goodput& goodput,
                                  const server::TimeAccount& account) {
  absl::MutexLock lock(&mu_);
  Row* row = RowOf(name);
  if (row == nullptr ||
      account.since_nanos() <= row->record->time_account().since_nanos()) {
    return;
  }
  server::JobRecord record = *row->record;
  *record.mutable_job()->mutable_goodput() = goodput;
  *record.mutable_time_account() = account;
  row->record = MakeJobRow(std::move(record));
}

}  // namespace lockstep
