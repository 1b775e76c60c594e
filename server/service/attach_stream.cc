#include "server/service/attach_stream.h"

#include <utility>

#include "server/service/caller_check.h"

namespace lockstep {

using worker::v1::AttachResponse;

AttachStream::AttachStream(const ServiceParts& parts)
    : parts_(parts),
      record_(parts, "lockstep.worker.v1.WorkerService/Attach") {}

AttachStream* AttachStream::Start(const ServiceParts& parts,
                                  grpc::CallbackServerContext& context) {
  std::shared_ptr<AttachStream> stream(new AttachStream(parts));
  stream->self_ = stream;
  stream->principal_ = stream->record_.Admit(context);
  parts.pump.Register(stream);
  if (stream->principal_.ok()) {
    stream->StartRead(&stream->request_);
  } else {
    stream->EndWith(stream->principal_.status());
  }
  return stream.get();
}

void AttachStream::OnReadDone(bool ok) {
  if (!ok) return EndWith(absl::OkStatus());
  if (absl::Status status = CheckCaller(*principal_, request_.caller());
      !status.ok()) {
    return EndWith(std::move(status));
  }
  Subscribe();
  // The lambda keeps the stream: it may end before the scheduler answers.
  parts_.scheduler.SupervisorAttached(
      request_,
      [self = shared_from_this(), ended = request_.ended()](
          const absl::Status& status) { self->Reported(status, ended); });
}

void AttachStream::Subscribe() {
  if (commands_ != nullptr) return;
  {
    absl::MutexLock lock(&mu_);
    caller_ = request_.caller();
  }
  commands_ = parts_.scheduler.SubscribeCommands(
      request_.caller(),
      [&pump = parts_.pump, stream = StreamPump::Reference(weak_from_this())] {
        pump.Wake(stream);
      });
}

void AttachStream::Reported(const absl::Status& status, bool ended) {
  if (!status.ok()) return EndWith(status);
  {
    absl::MutexLock lock(&mu_);
    if (finished_) return;
    end_recorded_ = end_recorded_ || ended;
  }
  Pump();
  // Under the lock, so that the stream cannot finish in between.
  absl::MutexLock lock(&mu_);
  if (!finished_) StartRead(&request_);
}

void AttachStream::EndWith(absl::Status status) {
  {
    absl::MutexLock lock(&mu_);
    if (!end_.has_value()) end_ = std::move(status);
  }
  Pump();
}

std::optional<AttachResponse> AttachStream::NextResponse() {
  if (end_recorded_ && !told_end_) {
    told_end_ = true;
    AttachResponse response;
    response.set_end_recorded(true);
    return response;
  }
  if (!caller_.has_value()) return std::nullopt;
  AttachResponse response = parts_.scheduler.SupervisorCommand(*caller_);
  // What was told is not taken back when the attempt has ended.
  if (response.command() == told_ ||
      response.command() == AttachResponse::COMMAND_UNSPECIFIED) {
    return std::nullopt;
  }
  told_ = response.command();
  return response;
}

void AttachStream::Pump() {
  std::optional<absl::Status> end;
  {
    absl::MutexLock lock(&mu_);
    if (finished_ || writing_) return;
    if (parts_.pump.stopping() && !end_.has_value()) end_ = ShuttingDown();
    if (end_.has_value()) {
      finished_ = true;
      end = end_;
    } else {
      std::optional<AttachResponse> response = NextResponse();
      if (!response.has_value()) return;
      response_ = *std::move(response);
      writing_ = true;
    }
  }
  if (end.has_value()) {
    Finish(record_.End(*end));
  } else {
    StartWrite(&response_);
  }
}

void AttachStream::OnWriteDone(bool ok) {
  {
    absl::MutexLock lock(&mu_);
    writing_ = false;
  }
  if (!ok) return EndWith(absl::CancelledError("the supervisor went away"));
  Pump();
}

void AttachStream::OnCancel() {
  EndWith(absl::CancelledError("the supervisor went away"));
}

void AttachStream::OnDone() {
  parts_.pump.Unregister(this);
  // The last reference may be this one.
  const std::shared_ptr<AttachStream> self = std::move(self_);
}

}  // namespace lockstep
