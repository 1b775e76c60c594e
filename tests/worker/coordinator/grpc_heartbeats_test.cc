#include "worker/coordinator/grpc_heartbeats.h"

#include <grpcpp/grpcpp.h>

#include <deque>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "proto/contract/grpc_status.h"
#include "proto/contract/worker_version.h"
#include "tests/testing/temp_dir.h"
#include "worker/coordinator/grpc_coordinator.h"

namespace lockstep::testing {
namespace {

using worker::v1::HeartbeatRequest;
using worker::v1::HeartbeatResponse;
using ServerStream =
    grpc::ServerReaderWriter<HeartbeatResponse, HeartbeatRequest>;

// A coordinator that does with a stream what the test says.
class StreamDaemon : public worker::v1::WorkerService::Service {
 public:
  using Script =
      std::function<grpc::Status(grpc::ServerContext&, ServerStream&)>;

  StreamDaemon(const std::string& address, Script script)
      : script_(std::move(script)),
        server_(
            grpc::ServerBuilder()
                .AddListeningPort(address, grpc::InsecureServerCredentials())
                .RegisterService(this)
                .BuildAndStart()) {
    EXPECT_NE(server_, nullptr);
  }
  // As lockstepd ends: streams are cut off.
  ~StreamDaemon() override {
    server_->Shutdown(std::chrono::system_clock::now());
  }

  grpc::Status Heartbeat(grpc::ServerContext* context,
                         ServerStream* stream) override {
    const auto& metadata = context->client_metadata();
    const auto token = metadata.find("authorization");
    EXPECT_TRUE(token != metadata.end() && token->second == "Bearer secret");
    EXPECT_EQ(metadata.count(kVersionMetadata), 1u);
    return script_(*context, *stream);
  }

 private:
  const Script script_;
  const std::unique_ptr<grpc::Server> server_;
};

class GrpcHeartbeatsTest : public ::testing::Test {
 protected:
  GrpcHeartbeatsTest() {
    std::ofstream(dir_.Path("token")) << "secret\n";
    coordinator_ = *GrpcCoordinator::Create({.address = address(),
                                             .job = "jobs/demo",
                                             .attempt = 2,
                                             .rank = 1,
                                             .token_file = dir_.Path("token")});
    line_ = coordinator_->OpenHeartbeats(
        {.on_command =
             [this](HeartbeatResponse::Command command) {
               absl::MutexLock lock(&mu_);
               commands_.push_back(command);
             },
         .on_end =
             [this](const absl::Status& why) {
               absl::MutexLock lock(&mu_);
               ends_.push_back(why);
             }});
  }

  std::string address() const { return "unix:" + dir_.Path("socket"); }
  void Serve(StreamDaemon::Script script) {
    daemon_ = std::make_unique<StreamDaemon>(address(), std::move(script));
  }

  // In a collective of the same number as the step.
  void Say(int64_t step, worker::v1::Phase phase) {
    HeartbeatRequest where;
    where.set_step(step);
    where.set_phase(phase);
    where.mutable_collective()->set_sequence(step);
    line_->Say(std::move(where));
  }

  HeartbeatResponse::Command AwaitCommand() {
    absl::MutexLock lock(&mu_);
    const auto came = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return !commands_.empty();
    };
    mu_.Await(absl::Condition(&came));
    const HeartbeatResponse::Command command = commands_.front();
    commands_.pop_front();
    return command;
  }
  absl::Status AwaitEnd() {
    absl::MutexLock lock(&mu_);
    const auto came = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return !ends_.empty();
    };
    mu_.Await(absl::Condition(&came));
    absl::Status end = ends_.front();
    ends_.pop_front();
    return end;
  }

  ScopedTempDir dir_;
  std::unique_ptr<StreamDaemon> daemon_;
  std::unique_ptr<GrpcCoordinator> coordinator_;
  absl::Mutex mu_;
  std::deque<HeartbeatResponse::Command> commands_ ABSL_GUARDED_BY(mu_);
  std::deque<absl::Status> ends_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<Heartbeats> line_;
};

// Until the rank closes its side; tells it `command` once.
StreamDaemon::Script Telling(HeartbeatResponse::Command command) {
  return [command](grpc::ServerContext&, ServerStream& stream) {
    HeartbeatResponse response;
    response.set_command(command);
    stream.Write(response);
    for (HeartbeatRequest request; stream.Read(&request);) {
    }
    return grpc::Status::OK;
  };
}

TEST_F(GrpcHeartbeatsTest, SaysWhoLivesAndWhere) {
  HeartbeatRequest seen;
  absl::Notification ended;
  Serve([&](grpc::ServerContext&, ServerStream& stream) {
    for (HeartbeatRequest request; stream.Read(&request);) seen = request;
    ended.Notify();
    return grpc::Status::OK;
  });

  Say(7, worker::v1::PHASE_LOADING);
  Say(8, worker::v1::PHASE_TRAINING);
  // What was said before the end arrives.
  line_.reset();
  ended.WaitForNotification();

  EXPECT_EQ(seen.caller().job(), "jobs/demo");
  EXPECT_EQ(seen.caller().attempt(), 2);
  EXPECT_EQ(seen.caller().rank(), 1);
  EXPECT_EQ(seen.step(), 8);
  EXPECT_EQ(seen.phase(), worker::v1::PHASE_TRAINING);
  EXPECT_EQ(seen.collective().sequence(), 8);
  EXPECT_TRUE(AwaitEnd().ok());
}

TEST_F(GrpcHeartbeatsTest, CommandsComeUnasked) {
  absl::Notification stop;
  Serve([&](grpc::ServerContext&, ServerStream& stream) {
    HeartbeatResponse response;
    response.set_command(HeartbeatResponse::CHECKPOINT_AND_STOP);
    stream.Write(response);
    stop.WaitForNotification();
    response.set_command(HeartbeatResponse::STOP);
    stream.Write(response);
    for (HeartbeatRequest request; stream.Read(&request);) {
    }
    return grpc::Status::OK;
  });

  Say(0, worker::v1::PHASE_LOADING);

  EXPECT_EQ(AwaitCommand(), HeartbeatResponse::CHECKPOINT_AND_STOP);
  stop.Notify();
  EXPECT_EQ(AwaitCommand(), HeartbeatResponse::STOP);
}

TEST_F(GrpcHeartbeatsTest, ALineThatBreaksIsOpenedByTheNextWord) {
  Serve(Telling(HeartbeatResponse::COMMAND_UNSPECIFIED));
  Say(1, worker::v1::PHASE_TRAINING);
  AwaitCommand();
  daemon_.reset();
  EXPECT_FALSE(AwaitEnd().ok());
  // Nobody is there.
  Say(2, worker::v1::PHASE_TRAINING);
  EXPECT_TRUE(absl::IsUnavailable(AwaitEnd()));

  // Told during the break.
  Serve(Telling(HeartbeatResponse::STOP));
  do {
    Say(3, worker::v1::PHASE_TRAINING);
    absl::MutexLock lock(&mu_);
    const auto either = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return !commands_.empty() || !ends_.empty();
    };
    mu_.Await(absl::Condition(&either));
    if (!commands_.empty()) break;
    // gRPC pauses before it connects again.
    ends_.clear();
  } while (true);

  EXPECT_EQ(AwaitCommand(), HeartbeatResponse::STOP);
}

TEST_F(GrpcHeartbeatsTest, ARefusalIsTold) {
  Serve([](grpc::ServerContext&, ServerStream& stream) {
    HeartbeatRequest request;
    stream.Read(&request);
    return ToGrpcStatus(errors::AttemptSuperseded("jobs/demo", 2));
  });

  Say(1, worker::v1::PHASE_TRAINING);

  EXPECT_EQ(ErrorReason(AwaitEnd()), "ATTEMPT_SUPERSEDED");
}

// It takes no message and gives no answer until the rank gives it up.
TEST_F(GrpcHeartbeatsTest, ASilentDaemonHoldsNobodyUp) {
  absl::Notification opened;
  Serve([&](grpc::ServerContext& context, ServerStream&) {
    opened.Notify();
    while (!context.IsCancelled()) absl::SleepFor(absl::Milliseconds(1));
    return grpc::Status::OK;
  });

  // More than would fit into what gRPC holds for a peer that does not read.
  for (int i = 0; i < 100'000; ++i) Say(i, worker::v1::PHASE_TRAINING);
  opened.WaitForNotification();
  line_.reset();

  EXPECT_TRUE(absl::IsCancelled(AwaitEnd()));
}

}  // namespace
}  // namespace lockstep::testing
