#include "server/events/event_log.h"

#include <algorithm>
#include <utility>

#include "proto/contract/status_macros.h"
#include "server/events/wake_list.h"

namespace lockstep {

struct EventLog::Shared {
  const std::shared_ptr<WakeList> wakes = std::make_shared<WakeList>();
  mutable absl::Mutex mu;
  std::deque<JournalEntry> newest ABSL_GUARDED_BY(mu);
};

namespace {

class EventSubscription final : public EventLog::Subscription {
 public:
  explicit EventSubscription(std::unique_ptr<WakeList::Entry> entry)
      : entry_(std::move(entry)) {}

 private:
  const std::unique_ptr<WakeList::Entry> entry_;
};

// As the store does when a job is deleted.
void ForgetJob(const std::string& name, std::deque<JournalEntry>& newest) {
  std::erase_if(newest, [&](const JournalEntry& entry) {
    return entry.event.job() == name;
  });
}

}  // namespace

EventLog::EventLog(const JobStore& store, size_t capacity)
    : store_(store), capacity_(capacity), shared_(std::make_shared<Shared>()) {}

void EventLog::Publish(std::vector<JournalEntry> entries) {
  {
    absl::MutexLock lock(&shared_->mu);
    for (JournalEntry& entry : entries) {
      if (entry.event.type() == kJobDeleted) {
        ForgetJob(entry.event.job(), shared_->newest);
      }
      shared_->newest.push_back(std::move(entry));
    }
    while (shared_->newest.size() > capacity_) shared_->newest.pop_front();
  }
  shared_->wakes->WakeAll();
}

std::unique_ptr<EventLog::Subscription> EventLog::Subscribe(
    std::function<void()> wake) {
  return std::make_unique<EventSubscription>(
      shared_->wakes->Add(std::move(wake)));
}

std::optional<EventLog::Batch> EventLog::ReadNewest(
    int64_t after, int limit, absl::string_view job_name) const {
  absl::MutexLock lock(&shared_->mu);
  const std::deque<JournalEntry>& newest = shared_->newest;
  if (newest.empty() || newest.front().event.sequence() > after + 1) {
    return std::nullopt;
  }
  Batch batch{.entries = {}, .cursor = after};
  auto next = std::upper_bound(newest.begin(), newest.end(), after,
                               [](int64_t sequence, const JournalEntry& entry) {
                                 return sequence < entry.event.sequence();
                               });
  for (; next != newest.end(); ++next) {
    if (static_cast<int>(batch.entries.size()) >= limit) break;
    batch.cursor = next->event.sequence();
    if (job_name.empty() || next->event.job() == job_name) {
      batch.entries.push_back(*next);
    }
  }
  return batch;
}

absl::StatusOr<EventLog::Batch> EventLog::Read(
    int64_t after, int limit, absl::string_view job_name) const {
  std::optional<Batch> newest = ReadNewest(after, limit, job_name);
  if (newest.has_value()) return *std::move(newest);
  // Before the read: what is committed meanwhile may be missing from it.
  const int64_t last = store_.LastSequence();
  Batch batch{.entries = {}, .cursor = std::max(after, last)};
  if (after >= last) return batch;
  ASSIGN_OR_RETURN(batch.entries, store_.ReadJournal(after, limit, job_name));
  if (batch.entries.empty()) return batch;
  const int64_t newest_read = batch.entries.back().event.sequence();
  const bool limited = static_cast<int>(batch.entries.size()) >= limit;
  batch.cursor = limited ? newest_read : std::max(last, newest_read);
  return batch;
}

}  // namespace lockstep
