#ifndef LOCKSTEP_WORKER_COORDINATOR_COORDINATOR_H_
#define LOCKSTEP_WORKER_COORDINATOR_COORDINATOR_H_

// What a rank, or a prepare process, asks of the daemon. One object speaks for
// one caller (job, attempt, rank), which it adds to every request itself.
//
// Thread-safe: the trainer's thread commits checkpoints while a reporter
// thread sends heartbeats and points. Every call may fail with UNAVAILABLE
// (the daemon is away) and FAILED_PRECONDITION, reason ATTEMPT_SUPERSEDED (the
// attempt has ended: exit and write nothing). Which calls wait for a daemon
// that is away is said at each; training itself never waits.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"
#include "lockstep/worker/v1/worker_service.pb.h"

namespace lockstep {

// A rank's open line to the daemon. One thread at a time.
class Heartbeats {
 public:
  // What comes on it. Runs on threads of the connection; must not block, nor
  // call the line.
  struct Handler {
    // At once when it is given, and again on a line that was opened anew.
    std::function<void(worker::v1::HeartbeatResponse::Command)> on_command;
    // The line is closed: the daemon is away, or refuses it.
    std::function<void(const absl::Status&)> on_end;
  };

  // Closes it; the handler does not run any more.
  virtual ~Heartbeats() = default;

  // Says where the rank is, and first opens the line when it is closed. Returns
  // at once: what has not left yet is replaced. `where.caller` is filled in
  // here.
  virtual void Say(worker::v1::HeartbeatRequest where) = 0;
};

class Coordinator {
 public:
  virtual ~Coordinator() = default;

  // Reports this rank for duty and waits for all the others: the answer comes
  // to all ranks at once. `incarnation` names this process, so that a retry is
  // not taken for a second one. Waits for a daemon that is away.
  // DEADLINE_EXCEEDED: ranks are missing, the message names them.
  virtual absl::StatusOr<worker::v1::JoinResponse> Join(
      const std::string& node, int64_t pid, const std::string& incarnation) = 0;

  // Publishes a value under a key of this attempt; a key is written once.
  // Waits for a daemon that is away. ALREADY_EXISTS: with another value.
  virtual absl::Status SetKey(absl::string_view key,
                              absl::string_view value) = 0;

  // The value of a key, once some rank has set it. Waits for a daemon that is
  // away. DEADLINE_EXCEEDED: nobody did within `timeout`.
  virtual absl::StatusOr<std::string> WaitKey(absl::string_view key,
                                              absl::Duration timeout) = 0;

  // The line on which the rank says that it lives, and is told to stop; it is
  // opened by the first word. Does not outlive the coordinator.
  virtual std::unique_ptr<Heartbeats> OpenHeartbeats(
      Heartbeats::Handler handler) = 0;

  // Hands over points and events; `request.caller` is filled in here. Returns
  // the highest sequence number that is stored. One try: the caller keeps what
  // is not acknowledged.
  virtual absl::StatusOr<int64_t> Report(worker::v1::ReportRequest request) = 0;

  // Asks for the right to publish a checkpoint (PHASE_GRANT), has it listed
  // (PHASE_COMMIT), or has it listed no more (PHASE_UNLIST). Waits for a daemon
  // that is away.
  virtual absl::Status CommitCheckpoint(
      worker::v1::CommitCheckpointRequest::Phase phase,
      const v1::Checkpoint& checkpoint) = 0;

  // The end of prepare: a plan, or why there is none. Waits for a daemon that
  // is away.
  virtual absl::Status ReportPrepared(const v1::Plan& plan) = 0;
  virtual absl::Status ReportPrepareFailed(const v1::JobError& error) = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_COORDINATOR_COORDINATOR_H_
