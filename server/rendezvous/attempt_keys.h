#ifndef LOCKSTEP_SERVER_RENDEZVOUS_ATTEMPT_KEYS_H_
#define LOCKSTEP_SERVER_RENDEZVOUS_ATTEMPT_KEYS_H_

// The keys that ranks of one attempt publish for each other. Used by Rendezvous
// alone, under its lock.

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/rendezvous/answers.h"
#include "server/rendezvous/rendezvous.h"

namespace lockstep {

class AttemptKeys {
 public:
  // No wait is longer than this.
  explicit AttemptKeys(absl::Duration longest_wait)
      : longest_wait_(longest_wait) {}

  // Answers those who wait for the key.
  absl::Status Set(const std::string& key, const std::string& value,
                   Answers& answers);
  void Wait(const std::string& key, absl::Duration now, absl::Duration timeout,
            Rendezvous::KeyReply reply, Answers& answers);
  // Fails the waits that have lasted long enough.
  void Tick(absl::Duration now, Answers& answers);
  // Answers all who wait.
  void Fail(const absl::Status& status, Answers& answers);

 private:
  struct Waiter {
    std::string key;
    absl::Duration timeout;
    absl::Duration deadline;
    Rendezvous::KeyReply reply;
  };

  const absl::Duration longest_wait_;
  absl::flat_hash_map<std::string, std::string> values_;
  std::vector<Waiter> waiters_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_RENDEZVOUS_ATTEMPT_KEYS_H_
