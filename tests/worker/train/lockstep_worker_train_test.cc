// `lockstep-worker train` as a supervisor starts it: real ranks, over Gloo,
// against a coordinator in memory.

#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <memory>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lockstep/worker/v1/worker_service.grpc.pb.h"
#include "proto/contract/errors.h"
#include "proto/contract/exit_code.h"
#include "proto/contract/grpc_status.h"
#include "tests/integration/process.h"
#include "tests/worker/train/training_fixture.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using worker::v1::WorkerService;

// Crosses from the wire to a FakeCoordinator.
class Listener : public WorkerService::Service {
 public:
  explicit Listener(FakeCoordinator& coordinator) : coordinator_(coordinator) {}

  // What Join fails with.
  absl::Status refusal;
  // Runs before a Report is answered.
  std::function<void()> on_report;

  grpc::Status Join(grpc::ServerContext* context,
                    const worker::v1::JoinRequest* request,
                    worker::v1::JoinResponse* response) override {
    const auto token = context->client_metadata().find("authorization");
    EXPECT_TRUE(token != context->client_metadata().end() &&
                token->second == "Bearer secret");
    EXPECT_EQ(request->caller().job(), "jobs/demo");
    if (!refusal.ok()) return ToGrpcStatus(refusal);
    *response = coordinator_.join_response;
    return grpc::Status::OK;
  }
  grpc::Status SetKey(grpc::ServerContext*,
                      const worker::v1::SetKeyRequest* request,
                      worker::v1::SetKeyResponse*) override {
    return ToGrpcStatus(coordinator_.SetKey(request->key(), request->value()));
  }
  grpc::Status WaitKey(grpc::ServerContext*,
                       const worker::v1::WaitKeyRequest* request,
                       worker::v1::WaitKeyResponse* response) override {
    const auto value = coordinator_.WaitKey(
        request->key(), absl::Seconds(request->timeout().seconds()));
    if (value.ok()) response->set_value(*value);
    return ToGrpcStatus(value.status());
  }
  grpc::Status Heartbeat(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<worker::v1::HeartbeatResponse,
                               worker::v1::HeartbeatRequest>* stream) override {
    worker::v1::HeartbeatRequest request;
    while (stream->Read(&request)) {
      const auto command = coordinator_.Heartbeat(request);
      if (!command.ok()) return ToGrpcStatus(command.status());
      worker::v1::HeartbeatResponse response;
      response.set_command(*command);
      if (!stream->Write(response)) break;
    }
    return grpc::Status::OK;
  }
  grpc::Status Report(grpc::ServerContext*,
                      const worker::v1::ReportRequest* request,
                      worker::v1::ReportResponse* response) override {
    if (on_report) on_report();
    const auto acknowledged = coordinator_.Report(*request);
    if (acknowledged.ok()) response->set_acknowledged_seq(*acknowledged);
    return ToGrpcStatus(acknowledged.status());
  }
  grpc::Status CommitCheckpoint(
      grpc::ServerContext*, const worker::v1::CommitCheckpointRequest* request,
      worker::v1::CommitCheckpointResponse*) override {
    return ToGrpcStatus(
        coordinator_.CommitCheckpoint(request->phase(), request->checkpoint()));
  }

 private:
  FakeCoordinator& coordinator_;
};

class WorkerTrainTest : public ::testing::Test {
 protected:
  WorkerTrainTest() : fixture_("models/tiny-llama"), listener_(coordinator_) {
    server_ = grpc::ServerBuilder()
                  .AddListeningPort(address_, grpc::InsecureServerCredentials())
                  .AddListeningPort("127.0.0.1:0",
                                    grpc::InsecureServerCredentials(), &port_)
                  .RegisterService(&listener_)
                  .BuildAndStart();
    EXPECT_NE(server_, nullptr);
    WriteFile(fixture_.Path("token"), "secret\n");
    fixture_.SetData(GoldenDocuments(ReadGolden("tiny-llama.full"), 0));
    fixture_.job.set_bind_address("127.0.0.1");
    fixture_.job.mutable_heartbeat_interval()->set_nanos(10'000'000);
    SetSteps(4);
  }

  void SetSteps(int64_t steps) {
    fixture_.SetSteps(steps, /*bins=*/4, /*ranks=*/2, /*accumulation=*/1);
  }

  std::vector<std::string> Command(int rank, const std::string& device) const {
    return Command(rank, device, address_);
  }
  std::vector<std::string> Command(int rank, const std::string& device,
                                   const std::string& address) const {
    return {BinDir() + "/lockstep-worker",
            "train",
            "--coordinator",
            address,
            "--job",
            "jobs/demo",
            "--attempt",
            "1",
            "--rank",
            std::to_string(rank),
            "--token-file",
            fixture_.Path("token"),
            "--device",
            device};
  }

  void StartRanks() {
    fixture_.CompletePlan();
    coordinator_.join_response = fixture_.job;
    for (int rank = 0; rank < 2; ++rank) {
      ranks_.push_back(std::make_unique<BackgroundProcess>(
          Command(rank, "cpu:" + std::to_string(rank)), Environment{},
          LogPath(rank)));
    }
  }
  // There is no such GPU, so the rank fails; until then it says what the
  // driver's library tells.
  RunResult RunOnFakeGpu(const std::string& address) {
    const std::string libraries = fixture_.Path("nvml");
    std::filesystem::create_directories(libraries);
    std::filesystem::create_symlink(LOCKSTEP_FAKE_NVML,
                                    libraries + "/libnvidia-ml.so.1");
    coordinator_.join_response = fixture_.job;
    return RunProgram(Command(0, "GPU-fake0", address),
                      {{"LD_LIBRARY_PATH", libraries}});
  }
  std::string LogPath(int rank) const {
    return fixture_.Path("rank-" + std::to_string(rank) + ".log");
  }
  std::string Log(int rank) const { return ReadFile(LogPath(rank)); }
  bool HasResult() const {
    return std::filesystem::exists(fixture_.output_dir() +
                                   "/adapter_model.safetensors");
  }

  TrainingFixture fixture_;
  FakeCoordinator coordinator_;
  Listener listener_;
  const std::string address_ = "unix:" + fixture_.Path("socket");
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::unique_ptr<BackgroundProcess>> ranks_;
};

TEST_F(WorkerTrainTest, TwoRanksTrainToTheEnd) {
  StartRanks();

  EXPECT_EQ(ranks_[0]->Wait(), kOk) << Log(0);
  EXPECT_EQ(ranks_[1]->Wait(), kOk) << Log(1);

  EXPECT_THAT(Curve(coordinator_, "loss"), SizeIs(4));
  EXPECT_EQ(coordinator_.progress().step(), 4);
  EXPECT_THAT(coordinator_.checkpoints(), SizeIs(1));
  EXPECT_TRUE(HasResult());
  EXPECT_THAT(Log(0), HasSubstr("trained weights"));
}

TEST_F(WorkerTrainTest, SigtermWritesACheckpointAndStopsAllRanks) {
  SetSteps(1'000'000);
  StartRanks();
  coordinator_.AwaitStep(2);

  ranks_[0]->Signal(SIGTERM);
  ranks_[1]->Signal(SIGTERM);

  EXPECT_EQ(ranks_[0]->Wait(), kStopped) << Log(0);
  EXPECT_EQ(ranks_[1]->Wait(), kStopped) << Log(1);
  ASSERT_THAT(coordinator_.checkpoints(), SizeIs(1));
  EXPECT_EQ(coordinator_.checkpoints()[0].step(),
            coordinator_.progress().step());
  EXPECT_FALSE(HasResult());
}

TEST_F(WorkerTrainTest, ARankWhosePeerDiesSaysThatItFollows) {
  SetSteps(1'000'000);
  StartRanks();
  coordinator_.AwaitStep(2);

  ranks_[1]->Signal(SIGKILL);

  EXPECT_EQ(ranks_[0]->Wait(), kPeerLost) << Log(0);
  EXPECT_EQ(coordinator_.failure().cause(), v1::Attempt::END_CAUSE_UNSPECIFIED);
  EXPECT_THAT(coordinator_.checkpoints(), IsEmpty());
  EXPECT_FALSE(HasResult());
}

TEST_F(WorkerTrainTest, AFailureIsToldBeforeTheExit) {
  fixture_.spec().mutable_train()->set_learning_rate(1e30);
  SetSteps(50);
  StartRanks();

  EXPECT_EQ(ranks_[0]->Wait(), kNotFinite) << Log(0);

  EXPECT_EQ(coordinator_.failure().cause(), v1::Attempt::NOT_FINITE);
  EXPECT_THAT(coordinator_.failure().message(), HasSubstr("learning rate"));
  EXPECT_THAT(Log(0), HasSubstr("learning rate"));
  EXPECT_FALSE(HasResult());
}

TEST_F(WorkerTrainTest, AnAttemptThatIsOverExitsAtOnce) {
  listener_.refusal = errors::AttemptSuperseded("jobs/demo", 1);
  StartRanks();

  EXPECT_EQ(ranks_[0]->Wait(), kSuperseded) << Log(0);
  EXPECT_EQ(ranks_[1]->Wait(), kSuperseded) << Log(1);
}

// By a port the coordinator may be on another host.
TEST_F(WorkerTrainTest, ARankOfAnotherHostTellsWhatItsGpuDoes) {
  worker::v1::GpuReading told;
  listener_.on_report = [&] { told = coordinator_.AwaitGpu(); };

  const RunResult run = RunOnFakeGpu(absl::StrCat("127.0.0.1:", port_));

  EXPECT_EQ(coordinator_.failure().cause(), v1::Attempt::GPU_FAULT) << run.err;
  EXPECT_EQ(told.uuid(), "GPU-fake0");
  EXPECT_EQ(told.power_watts(), 699.5);
  EXPECT_THAT(told.xid_errors(),
              UnorderedElementsAre(Pair(31, 2), Pair(79, 1)));
}

TEST_F(WorkerTrainTest, ToACoordinatorOfThisHostItSaysNothingOfIt) {
  listener_.on_report = [&] { coordinator_.AwaitHeartbeats(10); };

  const RunResult run = RunOnFakeGpu(address_);

  EXPECT_EQ(coordinator_.failure().cause(), v1::Attempt::GPU_FAULT) << run.err;
  EXPECT_FALSE(coordinator_.last_gpu().has_value());
}

TEST_F(WorkerTrainTest, ADeviceThatIsNotBuiltIsRefusedByName) {
  const RunResult run = RunProgram(Command(0, "xpu:0"));

  EXPECT_EQ(run.exit_code, kUsage);
  EXPECT_THAT(run.err, HasSubstr("--device xpu:0"));
}

TEST_F(WorkerTrainTest, AMissingTokenIsSaidWithItsFile) {
  std::filesystem::remove(fixture_.Path("token"));

  const RunResult run = RunProgram(Command(0, "cpu:0"));

  EXPECT_EQ(run.exit_code, kFailure);
  EXPECT_THAT(run.err, HasSubstr(fixture_.Path("token")));
}

}  // namespace
}  // namespace lockstep::testing
