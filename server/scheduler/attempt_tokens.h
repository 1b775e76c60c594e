#ifndef LOCKSTEP_SERVER_SCHEDULER_ATTEMPT_TOKENS_H_
#define LOCKSTEP_SERVER_SCHEDULER_ATTEMPT_TOKENS_H_

// Which token opens WorkerService to which attempt. Filled by the scheduler
// when an attempt is on disk, emptied when it has ended: from then on its
// processes are strangers. Holds digests only. Thread-safe.

#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace lockstep {

struct AttemptRef {
  std::string job;  // jobs/{job}
  int attempt = 0;  // 0 is prepare.

  friend bool operator==(const AttemptRef&, const AttemptRef&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const AttemptRef& ref) {
    return H::combine(std::move(state), ref.job, ref.attempt);
  }
};

// SHA-256, 32 bytes.
std::string TokenDigest(absl::string_view token);
// Takes as long when they differ, wherever they do.
bool SameDigest(absl::string_view a, absl::string_view b);

class AttemptTokens {
 public:
  void Put(absl::string_view digest, AttemptRef attempt);
  void Remove(const AttemptRef& attempt);
  std::optional<AttemptRef> Find(absl::string_view token) const;
  // Whether a token of this attempt would be found.
  bool Has(const AttemptRef& attempt) const;

 private:
  mutable absl::Mutex mu_;
  absl::flat_hash_map<std::string, AttemptRef> by_digest_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_set<AttemptRef> live_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_ATTEMPT_TOKENS_H_
