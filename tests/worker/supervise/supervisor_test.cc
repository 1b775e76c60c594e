#include "worker/supervise/supervisor.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lockstep/worker/v1/worker_service.grpc.pb.h"
#include "tests/testing/refuse_connections.h"
#include "tests/testing/test_certificates.h"
#include "tests/worker/supervise/fake_worker.h"
#include "worker/supervise/attach_client.h"

namespace lockstep {
namespace {

using ::testing::HasSubstr;
using worker::v1::AttachRequest;
using worker::v1::AttachResponse;

using Stream = grpc::ServerReaderWriter<AttachResponse, AttachRequest>;
using AttachFunction = std::function<grpc::Status(Stream&)>;

// A coordinator that knows only Attach.
class FakeCoordinator : public worker::v1::WorkerService::Service {
 public:
  explicit FakeCoordinator(AttachFunction attach)
      : attach_(std::move(attach)) {}

  grpc::Status Attach(grpc::ServerContext* context, Stream* stream) override {
    const auto& metadata = context->client_metadata();
    const auto token = metadata.find("authorization");
    EXPECT_TRUE(token != metadata.end() && token->second == "Bearer secret");
    return attach_(*stream);
  }

  // The port, where it has one.
  int Listen(const std::string& address,
             const std::shared_ptr<grpc::ServerCredentials>& credentials =
                 grpc::InsecureServerCredentials()) {
    int port = 0;
    server_ = grpc::ServerBuilder()
                  .AddListeningPort(address, credentials, &port)
                  .RegisterService(this)
                  .BuildAndStart();
    EXPECT_NE(server_, nullptr);
    return port;
  }

  // As if it were killed.
  void Die() {
    server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }

 private:
  const AttachFunction attach_;
  std::unique_ptr<grpc::Server> server_;
};

// Reads until the end is told, and says that it is recorded.
grpc::Status RecordEnd(Stream& stream, AttachRequest* last) {
  while (stream.Read(last)) {
    AttachResponse response;
    response.set_end_recorded(last->ended());
    stream.Write(response);
    if (last->ended()) break;
  }
  return grpc::Status::OK;
}

class SupervisorTest : public ::testing::Test {
 protected:
  SuperviseOptions Options() {
    return {.program = worker_.program(),
            .coordinator = "unix:" + worker_.dir() + "/sock",
            .job = "jobs/a1",
            .attempt = 2,
            .token_file = worker_.dir() + "/token",
            .attempt_dir = worker_.dir(),
            .node = "host",
            .ranks = {0, 1},
            .devices = {"cpu:0", "cpu:1"},
            .peer_grace = absl::Minutes(5)};
  }

  testing::FakeWorker worker_;
};

TEST_F(SupervisorTest, TellsTheCoordinatorWhoStartedAndHowItEnded) {
  worker_.Rank(0, "exit 0");
  worker_.Rank(1, "exit 0");
  AttachRequest last;
  FakeCoordinator coordinator(
      [&](Stream& stream) { return RecordEnd(stream, &last); });
  coordinator.Listen(Options().coordinator);

  ASSERT_TRUE(Supervise(Options(), -1).ok());

  EXPECT_EQ(last.caller().job(), "jobs/a1");
  EXPECT_EQ(last.caller().attempt(), 2);
  EXPECT_EQ(last.caller().rank(), -1);
  EXPECT_EQ(last.node(), "host");
  EXPECT_EQ(last.pid(), getpid());
  ASSERT_EQ(last.ranks_size(), 2);
  EXPECT_TRUE(last.ranks(1).exited());
  EXPECT_THAT(worker_.Read("exit.json"), HasSubstr(R"("ended":true)"));
}

// So that a batch system ends the supervisors of the other hosts.
TEST_F(SupervisorTest, EndsLikeTheRankThatFailedByItselfWhenItIsTo) {
  worker_.Fifo("ready");
  worker_.Rank(0, "stop_with 75; say ready now; wait $s");
  worker_.Rank(1, "await ready; exit 68");
  AttachRequest last;
  FakeCoordinator coordinator(
      [&](Stream& stream) { return RecordEnd(stream, &last); });
  coordinator.Listen(Options().coordinator);
  SuperviseOptions options = Options();
  options.exit_file = "exit-3.json";
  options.ends_like_ranks = true;

  EXPECT_EQ(*Supervise(options, -1), 68);

  EXPECT_THAT(worker_.Read("exit-3.json"), HasSubstr(R"("exit_code":68)"));
}

TEST_F(SupervisorTest, ObeysStop) {
  worker_.Fifo("ready0");
  worker_.Fifo("ready1");
  worker_.Rank(0, "stop_with 75; say ready0 now; wait $s");
  worker_.Rank(1, "stop_with 75; say ready1 now; wait $s");
  AttachRequest last;
  FakeCoordinator coordinator([&](Stream& stream) {
    worker_.Await("ready0");
    worker_.Await("ready1");
    AttachResponse stop;
    stop.set_command(AttachResponse::STOP);
    stop.mutable_grace()->set_seconds(600);
    stream.Write(stop);
    return RecordEnd(stream, &last);
  });
  coordinator.Listen(Options().coordinator);

  ASSERT_TRUE(Supervise(Options(), -1).ok());

  EXPECT_EQ(last.ranks(0).exit_code(), 75);
  EXPECT_TRUE(last.ranks(0).asked_to_stop());
}

TEST_F(SupervisorTest, ObeysKill) {
  worker_.Fifo("ready");
  worker_.Rank(0, "trap '' TERM; say ready now; exec sleep 600");
  worker_.Rank(1, "exit 0");
  AttachRequest last;
  FakeCoordinator coordinator([&](Stream& stream) {
    worker_.Await("ready");
    AttachResponse kill;
    kill.set_command(AttachResponse::KILL);
    stream.Write(kill);
    return RecordEnd(stream, &last);
  });
  coordinator.Listen(Options().coordinator);

  ASSERT_TRUE(Supervise(Options(), -1).ok());

  EXPECT_EQ(last.ranks(0).signal(), 9);
}

TEST_F(SupervisorTest, KillsTheRanksOfASupersededAttempt) {
  worker_.Rank(0, "exec sleep 600");
  worker_.Rank(1, "exec sleep 600");
  FakeCoordinator coordinator([&](Stream&) {
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "superseded");
  });
  coordinator.Listen(Options().coordinator);

  ASSERT_TRUE(Supervise(Options(), -1).ok());

  EXPECT_THAT(worker_.Read("exit.json"), HasSubstr(R"("asked_to_stop":true)"));
}

TEST_F(SupervisorTest, AttachesAgainAfterABreakAndRepeatsAllItKnows) {
  worker_.Fifo("go");
  worker_.Rank(0, "await go; exit 0");
  worker_.Rank(1, "exit 0");
  int sessions = 0;
  AttachRequest first_of_second;
  AttachRequest last;
  FakeCoordinator coordinator([&](Stream& stream) {
    if (++sessions == 1) {
      stream.Read(&last);
      return grpc::Status(grpc::StatusCode::UNAVAILABLE, "restarting");
    }
    stream.Read(&first_of_second);
    worker_.Say("go");
    return RecordEnd(stream, &last);
  });
  coordinator.Listen(Options().coordinator);

  ASSERT_TRUE(Supervise(Options(), -1).ok());

  EXPECT_EQ(sessions, 2);
  EXPECT_EQ(first_of_second.ranks_size(), 2);
  EXPECT_TRUE(last.ended());
}

TEST_F(SupervisorTest, AttachesAgainOverTlsAfterACoordinatorThatWasAway) {
  const testing::TestCa ca;
  ca.Write(worker_.dir() + "/ca.pem");
  ca.Issue({.common_name = "c", .names = {"IP:127.0.0.1"}},
           worker_.dir() + "/cert.pem", worker_.dir() + "/key.pem");
  grpc::SslServerCredentialsOptions tls;
  tls.pem_key_cert_pairs.push_back(
      {worker_.Read("key.pem"), worker_.Read("cert.pem")});
  worker_.Fifo("go");
  worker_.Rank(0, "await go; exit 0");
  worker_.Rank(1, "exit 0");
  absl::Notification attached;
  int sessions = 0;
  absl::Time back;
  absl::Duration away;
  AttachRequest last;
  FakeCoordinator coordinator([&](Stream& stream) {
    if (++sessions == 1) {
      attached.Notify();
      while (stream.Read(&last)) {
      }
      return grpc::Status::OK;
    }
    away = absl::Now() - back;
    worker_.Say("go");
    return RecordEnd(stream, &last);
  });
  const int port =
      coordinator.Listen("127.0.0.1:0", grpc::SslServerCredentials(tls));
  SuperviseOptions options = Options();
  options.coordinator = absl::StrCat("127.0.0.1:", port);
  options.tls_ca = worker_.dir() + "/ca.pem";

  std::thread outage([&] {
    attached.WaitForNotification();
    coordinator.Die();
    testing::RefuseConnections(testing::ListenOn(port), 5);
    back = absl::Now();
    coordinator.Listen(options.coordinator, grpc::SslServerCredentials(tls));
  });
  EXPECT_TRUE(Supervise(options, -1).ok());
  outage.join();

  EXPECT_EQ(sessions, 2);
  EXPECT_TRUE(last.ended());
  // It tries once a second; 15 s where nobody drives the handshake.
  EXPECT_LT(away, absl::Seconds(8));
}

TEST_F(SupervisorTest, WithoutACoordinatorTheExitFileIsTheTruth) {
  worker_.Rank(0, "exit 66");
  worker_.Rank(1, "exit 66");
  SuperviseOptions options = Options();
  options.end_wait = absl::ZeroDuration();

  ASSERT_TRUE(Supervise(options, -1).ok());

  EXPECT_THAT(worker_.Read("exit.json"), HasSubstr(R"("exit_code":66)"));
}

TEST_F(SupervisorTest, AnExitFileThatCannotBeWrittenIsAnErrorIfNobodyWasTold) {
  worker_.Rank(0, "exit 0");
  worker_.Rank(1, "exit 0");
  ASSERT_EQ(mkdir((worker_.dir() + "/exit.json.tmp").c_str(), 0700), 0);
  SuperviseOptions options = Options();
  options.end_wait = absl::ZeroDuration();

  const absl::Status status = Supervise(options, -1).status();

  EXPECT_THAT(status.message(), HasSubstr("exit.json.tmp"));
}

TEST_F(SupervisorTest, RefusesARankWithoutADevice) {
  SuperviseOptions options = Options();
  options.devices.pop_back();

  const absl::Status status = Supervise(options, -1).status();

  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(status.message(), HasSubstr("2 ranks and --devices 1 devices"));
}

TEST_F(SupervisorTest, RefusesToRunWithoutAToken) {
  SuperviseOptions options = Options();
  options.token_file = worker_.dir() + "/missing";

  EXPECT_THAT(Supervise(options, -1).status().message(), HasSubstr("/missing"));
}

}  // namespace
}  // namespace lockstep
