#ifndef LOCKSTEP_SERVER_RENDEZVOUS_RANK_GATHERING_H_
#define LOCKSTEP_SERVER_RENDEZVOUS_RANK_GATHERING_H_

// Who of an attempt has joined, and who waits to hear that all have. Used by
// Rendezvous alone, under its lock.

#include <map>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lockstep/worker/v1/worker_service.pb.h"
#include "server/rendezvous/answers.h"
#include "server/rendezvous/rendezvous.h"
#include "server/scheduler/attempt_tokens.h"

namespace lockstep {

class RankGathering {
 public:
  // Ranks are waited for until `deadline`, by Clock::Now; with `joined_before`
  // nobody is.
  RankGathering(AttemptRef attempt, int world_size, absl::Duration timeout,
                absl::Duration deadline, bool joined_before);

  // The ranks are being started: they are waited for from `now` on, if no
  // deadline runs yet.
  void StartClock(absl::Duration now);

  // Answers at once when all are welcome, or when this rank may not.
  void Join(const worker::v1::JoinRequest& request, Rendezvous::JoinReply reply,
            Answers& answers);
  // All have joined, and it is on disk: answers all who wait, and from now on
  // at once.
  void Welcome(Answers& answers);
  // Fails the attempt when its deadline has passed.
  void Tick(absl::Duration now, Answers& answers);
  // Answers all who wait.
  void Fail(const absl::Status& status, Answers& answers);

  // The outcome, once.
  std::optional<Rendezvous::Outcome> TakeOutcome();

 private:
  bool Complete() const;
  absl::Status Check(const worker::v1::JoinRequest& request) const;
  void TellComplete();

  const AttemptRef attempt_;
  const int world_size_;
  const absl::Duration timeout_;
  absl::Duration deadline_;
  const bool joined_before_;
  bool welcome_;
  std::map<int, worker::v1::JoinRequest> joined_;
  std::map<int, Rendezvous::JoinReply> waiting_;
  std::optional<Rendezvous::Outcome> outcome_;
  // Set when the deadline has passed.
  absl::Status failure_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_RENDEZVOUS_RANK_GATHERING_H_
