#include "worker/coordinator/grpc_coordinator.h"

#include <grpcpp/grpcpp.h>

#include <deque>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "proto/contract/grpc_status.h"
#include "proto/contract/version.h"
#include "proto/contract/worker_version.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/test_certificates.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using worker::v1::CommitCheckpointRequest;

// Answers with what a test has lined up, then with OK.
class Daemon : public worker::v1::WorkerService::Service {
 public:
  explicit Daemon(const std::string& address,
                  const std::shared_ptr<grpc::ServerCredentials>& credentials =
                      grpc::InsecureServerCredentials()) {
    server_ = grpc::ServerBuilder()
                  .AddListeningPort(address, credentials, &port_)
                  .RegisterService(this)
                  .BuildAndStart();
    EXPECT_NE(server_, nullptr);
  }

  int port() const { return port_; }

  // Ends as lockstepd does: who is not answered by now is cut off.
  void Detach() { server_->Shutdown(std::chrono::system_clock::now()); }

  grpc::Status CommitCheckpoint(
      grpc::ServerContext* context, const CommitCheckpointRequest* request,
      worker::v1::CommitCheckpointResponse*) override {
    ++calls;
    last = *request;
    const auto token = context->client_metadata().find("authorization");
    EXPECT_TRUE(token != context->client_metadata().end() &&
                token->second == "Bearer secret");
    const auto version = context->client_metadata().find(kVersionMetadata);
    EXPECT_TRUE(version != context->client_metadata().end() &&
                version->second == VersionText());
    if (on_call) on_call(*context);
    if (answers.empty()) return grpc::Status::OK;
    grpc::Status answer = answers.front();
    answers.pop_front();
    return answer;
  }

  std::deque<grpc::Status> answers;
  std::function<void(grpc::ServerContext&)> on_call;
  int calls = 0;
  CommitCheckpointRequest last;

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

class GrpcCoordinatorTest : public ::testing::Test {
 protected:
  GrpcCoordinatorTest() {
    std::ofstream(dir_.Path("token")) << "secret\n";
    options_.address = "unix:" + dir_.Path("socket");
    options_.job = "jobs/demo";
    options_.attempt = 2;
    options_.rank = 1;
    options_.token_file = dir_.Path("token");
    // Pauses pass at once, on a clock of their own.
    options_.now = [this] { return now_; };
    options_.sleep = [this](absl::Duration pause) {
      now_ += pause;
      if (const auto once = std::exchange(on_pause_, nullptr)) once();
    };
  }

  void StartDaemon() { daemon_ = std::make_unique<Daemon>(options_.address); }

  absl::Status Commit() {
    if (coordinator_ == nullptr) {
      coordinator_ = *GrpcCoordinator::Create(options_);
    }
    v1::Checkpoint checkpoint;
    checkpoint.set_step(7);
    return coordinator_->CommitCheckpoint(CommitCheckpointRequest::PHASE_COMMIT,
                                          checkpoint);
  }

  ScopedTempDir dir_;
  CoordinatorOptions options_;
  absl::Time now_ = absl::UnixEpoch();
  std::function<void()> on_pause_;
  std::unique_ptr<Daemon> daemon_;
  std::unique_ptr<GrpcCoordinator> coordinator_;
};

TEST_F(GrpcCoordinatorTest, SaysWhoCalls) {
  StartDaemon();

  EXPECT_TRUE(Commit().ok());

  EXPECT_EQ(daemon_->last.caller().job(), "jobs/demo");
  EXPECT_EQ(daemon_->last.caller().attempt(), 2);
  EXPECT_EQ(daemon_->last.caller().rank(), 1);
  EXPECT_EQ(daemon_->last.checkpoint().step(), 7);
}

TEST_F(GrpcCoordinatorTest, ADaemonThatDidNotAnswerIsAskedAgain) {
  StartDaemon();
  daemon_->answers = {{grpc::StatusCode::UNAVAILABLE, "starting"},
                      {grpc::StatusCode::CANCELLED, "stopping"},
                      {grpc::StatusCode::DEADLINE_EXCEEDED, "busy"}};

  EXPECT_TRUE(Commit().ok());
  EXPECT_EQ(daemon_->calls, 4);
}

TEST_F(GrpcCoordinatorTest, AnAnswerIsNotAskedForAgain) {
  StartDaemon();
  daemon_->answers = {
      ToGrpcStatus(errors::AttemptSuperseded("jobs/demo", 2)),
      ToGrpcStatus(errors::Error(absl::StatusCode::kDeadlineExceeded,
                                 "KEY_TIMEOUT", "nobody set it"))};

  EXPECT_TRUE(absl::IsFailedPrecondition(Commit()));
  EXPECT_EQ(ErrorReason(Commit()), "KEY_TIMEOUT");
  EXPECT_EQ(daemon_->calls, 2);
}

// A daemon that detaches cuts off the calls it has; the next one answers them.
TEST_F(GrpcCoordinatorTest, ACallSurvivesARestartOfTheDaemon) {
  StartDaemon();
  absl::Notification arrived;
  daemon_->on_call = [&](grpc::ServerContext& context) {
    arrived.Notify();
    while (!context.IsCancelled()) absl::SleepFor(absl::Milliseconds(1));
  };
  std::thread detach([&] {
    arrived.WaitForNotification();
    daemon_->Detach();
  });
  on_pause_ = [&] {
    detach.join();
    daemon_.reset();
    StartDaemon();
  };

  const absl::Status status = Commit();

  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(daemon_->calls, 1);
}

TEST_F(GrpcCoordinatorTest, ADaemonThatStaysAwayIsNamed) {
  const absl::Status status = Commit();

  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(options_.address), HasSubstr("10m")));
  EXPECT_GT(now_, absl::UnixEpoch() + absl::Minutes(9));
}

class TlsCoordinatorTest : public GrpcCoordinatorTest {
 protected:
  TlsCoordinatorTest() {
    ca_.Write(dir_.Path("ca.pem"));
    ca_.Issue({.common_name = "x", .names = {"IP:127.0.0.1"}},
              dir_.Path("cert.pem"), dir_.Path("key.pem"));
    grpc::SslServerCredentialsOptions tls;
    tls.pem_key_cert_pairs.push_back({Read("key.pem"), Read("cert.pem")});
    daemon_ = std::make_unique<Daemon>("127.0.0.1:0",
                                       grpc::SslServerCredentials(tls));
    options_.address = absl::StrCat("127.0.0.1:", daemon_->port());
  }

  std::string Read(const std::string& name) {
    std::ostringstream content;
    content << std::ifstream(dir_.Path(name)).rdbuf();
    return content.str();
  }

  const TestCa ca_;
};

TEST_F(TlsCoordinatorTest, TrustsTheCaThatItWasTold) {
  options_.tls_ca = dir_.Path("ca.pem");
  EXPECT_TRUE(Commit().ok());
}

// It may be renewed meanwhile, so it is waited for like one that is away.
TEST_F(TlsCoordinatorTest, WhyItDoesNotTrustIsSaidAtTheEnd) {
  options_.tls_ca = dir_.Path("other.pem");
  TestCa("Another CA").Write(options_.tls_ca);

  const absl::Status status = Commit();

  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("comes from no CA in --tls-ca \"" + options_.tls_ca));
  EXPECT_GT(now_, absl::UnixEpoch() + absl::Minutes(9));
}

TEST_F(TlsCoordinatorTest, ACaThatIsMissingIsNamed) {
  options_.tls_ca = dir_.Path("none");
  EXPECT_THAT(std::string(GrpcCoordinator::Create(options_).status().message()),
              HasSubstr("--tls-ca \"" + options_.tls_ca));
}

TEST_F(GrpcCoordinatorTest, ATokenFileThatIsMissingOrEmptyIsNamed) {
  options_.token_file = dir_.Path("none");
  EXPECT_THAT(std::string(GrpcCoordinator::Create(options_).status().message()),
              HasSubstr("none cannot be read"));

  std::ofstream(dir_.Path("empty")) << "\n";
  options_.token_file = dir_.Path("empty");
  EXPECT_THAT(std::string(GrpcCoordinator::Create(options_).status().message()),
              HasSubstr("empty is empty"));
}

}  // namespace
}  // namespace lockstep::testing
