#include "worker/supervise/attach_client.h"

#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"
#include "proto/contract/tls_channel.h"

namespace lockstep {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(2);

std::shared_ptr<grpc::Channel> Connect(const std::string& address,
                                       const TlsIdentity& tls) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // Despite its name the time that one attempt to connect may take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, ChannelCredentials(tls), arguments);
}

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  std::string token(absl::StripAsciiWhitespace(text.str()));
  if (!file || token.empty()) {
    return absl::NotFoundError(
        absl::StrCat("token file ", path, " cannot be read or is empty"));
  }
  return token;
}

// The coordinator answered, and has no place for this attempt.
bool IsSuperseded(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::NOT_FOUND:
      return true;
    default:
      return false;
  }
}

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

}  // namespace

absl::StatusOr<std::unique_ptr<AttachClient>> AttachClient::Create(
    const SuperviseOptions& options, Handler handler) {
  ASSIGN_OR_RETURN(std::string token, ReadToken(options.token_file));
  ASSIGN_OR_RETURN(const TlsIdentity tls, LoadTls({.ca = options.tls_ca}));
  return std::unique_ptr<AttachClient>(
      new AttachClient(options, std::move(token), tls, std::move(handler)));
}

AttachClient::AttachClient(const SuperviseOptions& options, std::string token,
                           const TlsIdentity& tls, Handler handler)
    : token_(std::move(token)),
      handler_(std::move(handler)),
      stub_(worker::v1::WorkerService::NewStub(
          Connect(options.coordinator, tls))) {
  newest_.mutable_caller()->set_job(options.job);
  newest_.mutable_caller()->set_attempt(options.attempt);
  newest_.mutable_caller()->set_rank(-1);
  newest_.set_node(options.node);
  newest_.set_pid(getpid());
  thread_ = std::thread([this] { Run(); });
}

AttachClient::~AttachClient() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  thread_.join();
}

void AttachClient::Update(const std::vector<worker::v1::RankProcess>& ranks,
                          bool ended) {
  absl::MutexLock lock(&mu_);
  newest_.mutable_ranks()->Assign(ranks.begin(), ranks.end());
  newest_.set_ended(ended);
  ++version_;
}

bool AttachClient::WaitEndRecorded(absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  return mu_.AwaitWithTimeout(absl::Condition(&recorded_), timeout);
}

void AttachClient::Run() {
  absl::Duration pause = kFirstPause;
  while (true) {
    const grpc::Status status = Session();
    if (IsSuperseded(status)) {
      handler_.on_superseded();
      absl::MutexLock lock(&mu_);
      recorded_ = true;
      return;
    }
    absl::MutexLock lock(&mu_);
    if (recorded_) return;
    if (session_answered_) pause = kFirstPause;
    if (mu_.AwaitWithTimeout(absl::Condition(&stopping_), pause)) return;
    pause = std::min(pause * 2, kLongestPause);
  }
}

grpc::Status AttachClient::Session() {
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer " + token_);
  // A call that fails at once while the coordinator is away leaves nobody to
  // drive the connection: gRPC then looks at it every 5 s, too seldom to end a
  // TLS handshake before it is given up.
  context.set_wait_for_ready(true);
  {
    absl::MutexLock lock(&mu_);
    if (stopping_) return grpc::Status::CANCELLED;
    context_ = &context;
    session_broken_ = false;
    session_answered_ = false;
  }
  std::unique_ptr<Stream> stream = stub_->Attach(&context);
  std::thread reader([this, &stream] { ReadCommands(*stream); });
  WriteUpdates(*stream);
  reader.join();
  {
    absl::MutexLock lock(&mu_);
    context_ = nullptr;
  }
  return stream->Finish();
}

void AttachClient::WriteUpdates(Stream& stream) {
  int told = 0;
  while (true) {
    worker::v1::AttachRequest request;
    {
      absl::MutexLock lock(&mu_);
      const auto wanted = [this, &told]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
        return version_ != told || session_broken_ || recorded_;
      };
      mu_.Await(absl::Condition(&wanted));
      if (session_broken_ || recorded_) break;
      told = version_;
      request = newest_;
    }
    if (!stream.Write(request)) break;
  }
  stream.WritesDone();
}

void AttachClient::ReadCommands(Stream& stream) {
  worker::v1::AttachResponse response;
  while (stream.Read(&response)) {
    if (response.command() == worker::v1::AttachResponse::STOP) {
      handler_.on_stop(ToDuration(response.grace()));
    } else if (response.command() == worker::v1::AttachResponse::KILL) {
      handler_.on_kill();
    }
    absl::MutexLock lock(&mu_);
    session_answered_ = true;
    if (response.end_recorded()) recorded_ = true;
  }
  absl::MutexLock lock(&mu_);
  session_broken_ = true;
}

}  // namespace lockstep
