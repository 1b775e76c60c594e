#include "server/events/event_log.h"

#include <algorithm>
#include <utility>

#include "server/events/wake_list.h"

namespace lockstep {

struct EventLog::Shared {
  const std::shared_ptr<WakeList> wakes = std::make_shared<WakeList>();
  mutable absl::Mutex mu;
  std::deque<JournalEntry> newest ABSL_GUARDED_BY(mu);
};

namespace {

class WakeSubscription final : public EventLog::Subscription {
 public:
  explicit WakeSubscription(std::unique_ptr<WakeList::Entry> entry)
      : entry_(std::move(entry)) {}

 private:
  const std::unique_ptr<WakeList::Entry> entry_;
};

}  // namespace

EventLog::EventLog(const JobStore& store, size_t capacity)
    : store_(store), capacity_(capacity), shared_(std::make_shared<Shared>()) {}

void EventLog::Publish(std::vector<JournalEntry> entries) {
  {
    absl::MutexLock lock(&shared_->mu);
    for (JournalEntry& entry : entries) {
      shared_->newest.push_back(std::move(entry));
    }
    while (shared_->newest.size() > capacity_) shared_->newest.pop_front();
  }
  shared_->wakes->WakeAll();
}

std::unique_ptr<EventLog::Subscription> EventLog::Subscribe(
    std::function<void()> wake) {
  return std::make_unique<WakeSubscription>(
      shared_->wakes->Add(std::move(wake)));
}

absl::StatusOr<std::vector<JournalEntry>> EventLog::Read(
    int64_t after, int limit, absl::string_view job_name) const {
  {
    absl::MutexLock lock(&shared_->mu);
    const std::deque<JournalEntry>& newest = shared_->newest;
    if (!newest.empty() && newest.front().event.sequence() <= after + 1) {
      std::vector<JournalEntry> entries;
      auto next =
          std::upper_bound(newest.begin(), newest.end(), after,
                           [](int64_t sequence, const JournalEntry& entry) {
                             return sequence < entry.event.sequence();
                           });
      for (; next != newest.end(); ++next) {
        if (static_cast<int>(entries.size()) >= limit) break;
        if (job_name.empty() || next->event.job() == job_name) {
          entries.push_back(*next);
        }
      }
      return entries;
    }
  }
  if (after >= store_.LastSequence()) return std::vector<JournalEntry>();
  return store_.ReadJournal(after, limit, job_name);
}

}  // namespace lockstep
