#ifndef LOCKSTEP_SERVER_EVENTS_WAKE_LIST_H_
#define LOCKSTEP_SERVER_EVENTS_WAKE_LIST_H_

// Who wants to be woken when a log grows. Both logs have one. Thread-safe.

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

namespace lockstep {

class WakeList : public std::enable_shared_from_this<WakeList> {
 public:
  // Ends the subscription when destroyed: waits for a wake that runs, and none
  // runs afterwards.
  class Entry {
   public:
    Entry(std::shared_ptr<WakeList> list, int64_t id)
        : list_(std::move(list)), id_(id) {}
    ~Entry() {
      absl::MutexLock lock(&list_->mu_);
      list_->wakes_.erase(id_);
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

   private:
    const std::shared_ptr<WakeList> list_;
    const int64_t id_;
  };

  // `wake` runs under this list's lock: it must not block, and must not come
  // back to the list. Runs once at once.
  std::unique_ptr<Entry> Add(std::function<void()> wake) {
    absl::MutexLock lock(&mu_);
    wake();
    const int64_t id = next_id_++;
    wakes_[id] = std::move(wake);
    return std::make_unique<Entry>(shared_from_this(), id);
  }

  void WakeAll() {
    absl::MutexLock lock(&mu_);
    for (const auto& [id, wake] : wakes_) wake();
  }

 private:
  absl::Mutex mu_;
  int64_t next_id_ ABSL_GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<int64_t, std::function<void()>> wakes_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_EVENTS_WAKE_LIST_H_
