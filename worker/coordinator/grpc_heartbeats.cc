#include "worker/coordinator/grpc_heartbeats.h"

#include <grpcpp/grpcpp.h>

#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "proto/contract/grpc_status.h"
#include "worker/coordinator/grpc_coordinator.h"

namespace lockstep {
namespace {

using worker::v1::HeartbeatRequest;
using worker::v1::HeartbeatResponse;

// A daemon that has not ended the stream by then is left.
constexpr absl::Duration kFarewell = absl::Seconds(1);

}  // namespace

// One stream, from its opening to its end. A read is always under way, at most
// one write is, and one message waits behind it.
class GrpcHeartbeats::Stream final
    : public grpc::ClientBidiReactor<HeartbeatRequest, HeartbeatResponse> {
 public:
  Stream(worker::v1::WorkerService::Stub& stub, const std::string& token,
         const Handler& handler)
      : handler_(handler) {
    AddCredentials(token, context_);
    stub.async()->Heartbeat(&context_, this);
    // Until the last read: others than callbacks start writes.
    AddHold();
    StartRead(&response_);
    StartCall();
  }

  ~Stream() override {
    context_.TryCancel();
    done_.WaitForNotification();
  }

  // False when the stream has ended.
  bool Say(const HeartbeatRequest& request) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (ended_) return false;
    waiting_ = request;
    WriteNext();
    return true;
  }

  void Close(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mu_) {
    {
      absl::MutexLock lock(&mu_);
      closing_ = true;
      WriteNext();
    }
    done_.WaitForNotificationWithTimeout(patience);
  }

 private:
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (writing_ || ended_) return;
    if (waiting_.has_value()) {
      request_ = *std::exchange(waiting_, std::nullopt);
      writing_ = true;
      StartWrite(&request_);
    } else if (std::exchange(closing_, false)) {
      StartWritesDone();
    }
  }

  void OnReadDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_) {
    if (ok) {
      handler_.on_command(response_.command());
      StartRead(&response_);
      return;
    }
    {
      absl::MutexLock lock(&mu_);
      ended_ = true;
    }
    RemoveHold();
  }

  // When it failed, so does the read.
  void OnWriteDone(bool /*ok*/) override ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    writing_ = false;
    WriteNext();
  }

  void OnDone(const grpc::Status& status) override {
    handler_.on_end(FromGrpcStatus(status));
    done_.Notify();
  }

  const Handler& handler_;
  grpc::ClientContext context_;
  HeartbeatRequest request_;
  HeartbeatResponse response_;
  absl::Notification done_;

  absl::Mutex mu_;
  std::optional<HeartbeatRequest> waiting_ ABSL_GUARDED_BY(mu_);
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
};

GrpcHeartbeats::GrpcHeartbeats(worker::v1::WorkerService::Stub& stub,
                               std::string token, worker::v1::Caller caller,
                               Handler handler)
    : stub_(stub),
      token_(std::move(token)),
      handler_(std::move(handler)),
      caller_(std::move(caller)) {}

GrpcHeartbeats::~GrpcHeartbeats() {
  if (stream_ != nullptr) stream_->Close(kFarewell);
}

void GrpcHeartbeats::Say(HeartbeatRequest where) {
  *where.mutable_caller() = caller_;
  if (stream_ != nullptr && stream_->Say(where)) return;
  // The old one first: it hears of its end before the new one begins.
  stream_.reset();
  stream_ = std::make_unique<Stream>(stub_, token_, handler_);
  stream_->Say(where);
}

}  // namespace lockstep
