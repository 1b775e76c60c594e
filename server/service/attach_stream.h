#ifndef LOCKSTEP_SERVER_SERVICE_ATTACH_STREAM_H_
#define LOCKSTEP_SERVER_SERVICE_ATTACH_STREAM_H_

// The open line to one supervisor.
//
// Protocol: 1. A report is read and given to the scheduler. 2. When the
// scheduler has it on disk the next report is read; a report that all ranks are
// gone is answered with end_recorded. 3. Whenever the scheduler wants the ranks
// stopped, the command is written, also while 1. or 2. waits. 4. The stream
// ends when the supervisor closes its side, when a report is refused, or when
// the coordinator stops; the supervisor then attaches again.

#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "lockstep/worker/v1/worker_service.pb.h"
#include "server/scheduler/scheduler.h"
#include "server/service/call.h"
#include "server/service/stream_pump.h"

namespace lockstep {

class AttachStream final
    : public grpc::ServerBidiReactor<worker::v1::AttachRequest,
                                     worker::v1::AttachResponse>,
      public StreamPump::Stream,
      public std::enable_shared_from_this<AttachStream> {
 public:
  static AttachStream* Start(const ServiceParts& parts,
                             grpc::CallbackServerContext& context);

  // Writes what is to be told, or ends the stream.
  void Pump() override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  explicit AttachStream(const ServiceParts& parts);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnCancel() override;
  void OnDone() override;

  void Reported(const absl::Status& status, bool ended);
  // The stream ends with this as soon as nothing is being written. The first
  // one counts.
  void EndWith(absl::Status status) ABSL_LOCKS_EXCLUDED(mu_);
  // What is to be written now, if anything.
  std::optional<worker::v1::AttachResponse> NextResponse()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Subscribe();

  const ServiceParts& parts_;
  CallRecord record_;
  std::shared_ptr<AttachStream> self_;  // Until OnDone.
  absl::StatusOr<Principal> principal_;
  worker::v1::AttachRequest request_;
  worker::v1::AttachResponse response_;
  // Set with the first report.
  std::unique_ptr<Scheduler::CommandSubscription> commands_;

  absl::Mutex mu_;
  std::optional<worker::v1::Caller> caller_ ABSL_GUARDED_BY(mu_);
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  bool end_recorded_ ABSL_GUARDED_BY(mu_) = false;
  bool told_end_ ABSL_GUARDED_BY(mu_) = false;
  worker::v1::AttachResponse::Command told_ ABSL_GUARDED_BY(mu_) =
      worker::v1::AttachResponse::COMMAND_UNSPECIFIED;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_ATTACH_STREAM_H_
