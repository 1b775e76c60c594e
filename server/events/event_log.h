#ifndef LOCKSTEP_SERVER_EVENTS_EVENT_LOG_H_
#define LOCKSTEP_SERVER_EVENTS_EVENT_LOG_H_

// Wakes those who wait for journal entries. The journal itself is in the store;
// this holds the newest entries so that a watcher that keeps up never reads the
// disk, and a watcher that fell behind reads it from the store.
//
// Publish is called by the scheduler's effects after a commit, in sequence
// order; subscribers live in the services. Thread-safe. A subscriber is told
// only *that* there is something: it fetches at its own speed, so a slow one
// costs nothing.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/store/job_store.h"

namespace lockstep {

class EventLog {
 public:
  // Unsubscribes when destroyed; afterwards the callback does not run.
  class Subscription {
   public:
    virtual ~Subscription() = default;
  };

  // `store` serves entries older than the newest `capacity`.
  EventLog(const JobStore& store, size_t capacity);

  void Publish(std::vector<JournalEntry> entries);

  // `wake` runs on the publisher's thread, after each Publish and once at once;
  // it must not block and must not call back into this class.
  std::unique_ptr<Subscription> Subscribe(std::function<void()> wake);

  struct Batch {
    std::vector<JournalEntry> entries;
    // Everything up to here was looked at; pass it as the next `after`.
    int64_t cursor = 0;
  };

  // Entries with sequence > after, oldest first, at most `limit`; of one job
  // unless `job_name` is empty.
  absl::StatusOr<Batch> Read(int64_t after, int limit,
                             absl::string_view job_name) const;

 private:
  struct Shared;

  // Nothing when some of it is no longer held.
  std::optional<Batch> ReadNewest(int64_t after, int limit,
                                  absl::string_view job_name) const;

  const JobStore& store_;
  const size_t capacity_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_EVENTS_EVENT_LOG_H_
