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
  // From here to End, the collective is the pending one.
  void Begin(absl::string_view operation, size_t bytes);
  // `duration` is from when this rank was ready to when the result was there.
  void End(absl::Duration duration);

  // "collective 12, all-reduce of 4096 bytes, pending; 11, all-reduce of ...,
  // took 1.2ms; ...", the newest first.
  std::string Describe() const;

 private:
  static constexpr size_t kKept = 8;

  struct Entry {
    int64_t sequence = 0;
    std::string operation;
    size_t bytes = 0;
    absl::Duration duration = absl::InfiniteDuration();
  };

  int64_t next_ = 1;
  std::deque<Entry> entries_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_COMM_COLLECTIVE_HISTORY_H_
