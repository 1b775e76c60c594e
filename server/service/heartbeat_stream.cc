#include "server/service/heartbeat_stream.h"

#include <utility>

#include "proto/contract/errors.h"
#include "server/service/caller_check.h"

namespace lockstep {

using worker::v1::HeartbeatResponse;

HeartbeatStream::HeartbeatStream(const ServiceParts& parts)
    : parts_(parts),
      record_(parts, "lockstep.worker.v1.WorkerService/Heartbeat") {}

HeartbeatStream* HeartbeatStream::Start(const ServiceParts& parts,
                                        grpc::CallbackServerContext& context) {
  std::shared_ptr<HeartbeatStream> stream(new HeartbeatStream(parts));
  stream->self_ = stream;
  stream->principal_ = stream->record_.Admit(context);
  parts.pump.Register(stream);
  if (!stream->principal_.ok()) {
    stream->EndWith(stream->principal_.status());
    return stream.get();
  }
  stream->attempt_.set_job(stream->principal_->attempt->job);
  stream->attempt_.set_attempt(stream->principal_->attempt->attempt);
  // Before the first look: what changes after that wakes the stream.
  const StreamPump::Reference weak = stream;
  stream->commands_ = parts.scheduler.SubscribeCommands(
      stream->attempt_, [&pump = parts.pump, weak] { pump.Wake(weak); });
  stream->StartRead(&stream->request_);
  stream->Pump();
  return stream.get();
}

void HeartbeatStream::OnReadDone(bool ok) {
  if (!ok) {
    {
      absl::MutexLock lock(&mu_);
      said_all_ = true;
    }
    return EndWith(absl::OkStatus());
  }
  if (absl::Status status = CheckCaller(*principal_, request_.caller());
      !status.ok()) {
    return EndWith(std::move(status));
  }
  caller_ = request_.caller();
  parts_.scheduler.Heard(request_);
  Pump();
  // Under the lock, so that the stream cannot finish in between.
  absl::MutexLock lock(&mu_);
  if (!finished_) StartRead(&request_);
}

void HeartbeatStream::EndWith(absl::Status status) {
  {
    absl::MutexLock lock(&mu_);
    if (!end_.has_value()) end_ = std::move(status);
  }
  Pump();
}

std::optional<absl::Status> HeartbeatStream::End() {
  if (end_.has_value()) return end_;
  if (parts_.pump.stopping()) return ShuttingDown();
  if (!parts_.access.IsLive(*principal_->attempt)) {
    return errors::AttemptSuperseded(attempt_.job(), attempt_.attempt());
  }
  return std::nullopt;
}

void HeartbeatStream::Pump() {
  std::optional<absl::Status> end;
  {
    absl::MutexLock lock(&mu_);
    if (finished_ || writing_) return;
    end = End();
    if (end.has_value()) {
      finished_ = true;
    } else {
      const Command command = parts_.scheduler.CommandFor(attempt_);
      if (command == told_ ||
          command == HeartbeatResponse::COMMAND_UNSPECIFIED) {
        return;
      }
      told_ = command;
      response_.set_command(command);
      writing_ = true;
    }
  }
  if (end.has_value()) {
    Finish(record_.End(*end));
  } else {
    StartWrite(&response_);
  }
}

void HeartbeatStream::OnWriteDone(bool ok) {
  {
    absl::MutexLock lock(&mu_);
    writing_ = false;
  }
  if (!ok) return EndWith(absl::CancelledError("the rank went away"));
  Pump();
}

void HeartbeatStream::OnCancel() {
  {
    absl::MutexLock lock(&mu_);
    broken_ = true;
  }
  EndWith(absl::CancelledError("the rank went away"));
}

void HeartbeatStream::OnDone() {
  bool left;
  {
    absl::MutexLock lock(&mu_);
    left = said_all_ && !broken_ && caller_.has_value();
  }
  if (left) parts_.scheduler.Left(*caller_);
  parts_.pump.Unregister(this);
  // The last reference may be this one.
  const std::shared_ptr<HeartbeatStream> self = std::move(self_);
}

}  // namespace lockstep
