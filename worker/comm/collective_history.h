#ifndef LOCKSTEP_WORKER_COMM_COLLECTIVE_HISTORY_H_
#define LOCKSTEP_WORKER_COMM_COLLECTIVE_HISTORY_H_

// The last collectives of a rank, for the message of one that failed: ranks
// that disagree about the sequence, or about a size, show it here.
//
// Used by the trainer's thread.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lockstep {

class CollectiveHistory {
 public:
  // From here to End, the collective is pending; several may be.
  void Begin(absl::string_view operation, size_t bytes);
  // Of the oldest that is pending: they end in the order in which they began.
  // `duration` is from when this rank was ready to when the result was there.
  void End(absl::Duration duration);

  // "collective 12, all-reduce of 4096 bytes, pending; 11, all-reduce of ...,
  // took 1.2ms; ...; begun after it: 3": the oldest that is pending,
  // which is the one that holds the others up, or else the newest; then those
  // before it, the newest first.
  std::string Describe() const;

 private:
  static constexpr size_t kKept = 8;

  struct Entry {
    int64_t sequence = 0;
    std::string operation;
    size_t bytes = 0;
    absl::Duration duration = absl::InfiniteDuration();
  };

  // Those that were begun after the oldest that is pending.
  size_t waiting() const { return pending_ > 0 ? pending_ - 1 : 0; }

  int64_t next_ = 1;
  // The newest first, so the pending ones before all others; of what does not
  // wait, the last kKept.
  std::deque<Entry> entries_;
  size_t pending_ = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_COMM_COLLECTIVE_HISTORY_H_
