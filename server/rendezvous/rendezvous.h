#ifndef LOCKSTEP_SERVER_RENDEZVOUS_RENDEZVOUS_H_
#define LOCKSTEP_SERVER_RENDEZVOUS_RENDEZVOUS_H_

// Gathers the ranks of one attempt and keeps its key/value store. Ranks call
// Join and are all answered at once, when the last one has joined and the
// scheduler has it on disk, or fail together at the deadline with the names of
// the missing ranks. A rank joins once: the same incarnation may ask again (a
// retry), another process may not.
//
// The scheduler opens and closes attempts and is told the outcome;
// WorkerService passes the calls of ranks. Thread-safe; callbacks run on the
// caller's thread or in Tick, never under the lock.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lockstep/worker/v1/worker_service.pb.h"
#include "server/clock.h"
#include "server/scheduler/attempt_tokens.h"

namespace lockstep {

class Rendezvous {
 public:
  struct Outcome {
    AttemptRef attempt;
    // By rank; complete when `missing` is empty.
    std::vector<worker::v1::JoinRequest> joined;
    std::vector<int> missing;
  };
  // Told once an attempt: all joined, or the deadline passed.
  using Listener = std::function<void(Outcome)>;
  using JoinReply = absl::AnyInvocable<void(absl::StatusOr<int> world_size)>;
  using KeyReply = absl::AnyInvocable<void(absl::StatusOr<std::string>)>;

  explicit Rendezvous(const Clock& clock);
  ~Rendezvous();

  void SetListener(Listener listener);

  // From the scheduler. `joined_before`: an adopted attempt whose ranks joined
  // in an earlier life of the coordinator; it waits for nobody.
  // `waits_for_engine`: its ranks are not being started yet, and their deadline
  // runs from StartClock on.
  void Open(const AttemptRef& attempt, int world_size, absl::Duration timeout,
            bool joined_before, bool waits_for_engine = false);
  void StartClock(const AttemptRef& attempt);
  // That all have joined is on disk: they are answered. Before, a coordinator
  // that dies would leave its successor waiting for ranks that do not ask
  // again.
  void Welcome(const AttemptRef& attempt);
  // Fails all waiters with FAILED_PRECONDITION, ATTEMPT_SUPERSEDED.
  void Close(const AttemptRef& attempt);

  // From WorkerService.
  void Join(const worker::v1::JoinRequest& request, JoinReply reply);
  absl::Status SetKey(const worker::v1::SetKeyRequest& request);
  void WaitKey(const worker::v1::WaitKeyRequest& request, KeyReply reply);

  // Called a few times a second: fires deadlines.
  void Tick();

  // Answers all who wait, now and later, with UNAVAILABLE, SHUTTING_DOWN: the
  // next coordinator is asked again.
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_RENDEZVOUS_RENDEZVOUS_H_
