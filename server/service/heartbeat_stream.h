#ifndef LOCKSTEP_SERVER_SERVICE_HEARTBEAT_STREAM_H_
#define LOCKSTEP_SERVER_SERVICE_HEARTBEAT_STREAM_H_

// The open line to one rank.
//
// Protocol: 1. The token is checked once, when the stream opens, and says which
// attempt it is of. 2. Each message is read; one that another attempt claims
// ends the stream. 3. Whenever the ranks shall stop, the command is written,
// and to a stream that opens later at once. 4. The stream ends with
// ATTEMPT_SUPERSEDED as soon as the attempt has ended, and with UNAVAILABLE
// when the coordinator stops; the rank then opens another.
//
// A rank that says nothing costs nothing, and one that reads nothing holds one
// command. That a rank is dead is its supervisor's to see, and that it is
// silent the scheduler's (server/scheduler/rank_watch.h).

#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "lockstep/worker/v1/worker_service.pb.h"
#include "server/scheduler/scheduler.h"
#include "server/service/call.h"
#include "server/service/stream_pump.h"

namespace lockstep {

class HeartbeatStream final
    : public grpc::ServerBidiReactor<worker::v1::HeartbeatRequest,
                                     worker::v1::HeartbeatResponse>,
      public StreamPump::Stream,
      public std::enable_shared_from_this<HeartbeatStream> {
 public:
  static HeartbeatStream* Start(const ServiceParts& parts,
                                grpc::CallbackServerContext& context);

  // Writes what is to be told, or ends the stream.
  void Pump() override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Command = worker::v1::HeartbeatResponse::Command;

  explicit HeartbeatStream(const ServiceParts& parts);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnCancel() override;
  void OnDone() override;

  // The stream ends with this as soon as nothing is being written. The first
  // one counts.
  void EndWith(absl::Status status) ABSL_LOCKS_EXCLUDED(mu_);
  // What ends the stream now, if anything.
  std::optional<absl::Status> End() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const ServiceParts& parts_;
  CallRecord record_;
  std::shared_ptr<HeartbeatStream> self_;  // Until OnDone.
  absl::StatusOr<Principal> principal_;
  worker::v1::Caller attempt_;  // Of the token; its rank is not known.
  worker::v1::HeartbeatRequest request_;
  // Who it is, since its first heartbeat.
  std::optional<worker::v1::Caller> caller_;
  worker::v1::HeartbeatResponse response_;
  std::unique_ptr<Scheduler::CommandSubscription> commands_;

  absl::Mutex mu_;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  // The rank has ended its side. One whose process or host dies does not: the
  // stream breaks, and what follows is silence.
  bool said_all_ ABSL_GUARDED_BY(mu_) = false;
  bool broken_ ABSL_GUARDED_BY(mu_) = false;
  Command told_ ABSL_GUARDED_BY(mu_) =
      worker::v1::HeartbeatResponse::COMMAND_UNSPECIFIED;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_HEARTBEAT_STREAM_H_
