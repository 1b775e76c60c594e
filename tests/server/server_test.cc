// The whole coordinator in this process, over its real sockets; only the
// launcher starts nothing.

#include "server/server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "lockstep/v1/cluster_service.grpc.pb.h"
#include "lockstep/v1/job_service.grpc.pb.h"
#include "lockstep/worker/v1/worker_service.grpc.pb.h"
#include "proto/contract/errors.h"
#include "proto/contract/grpc_status.h"
#include "tests/testing/fake_launcher.h"
#include "tests/testing/temp_dir.h"

namespace lockstep {
namespace {

using ::lockstep::testing::FakeLauncher;
using ::lockstep::testing::ScopedTempDir;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class Context : public grpc::ClientContext {
 public:
  explicit Context(const std::string& token = "") {
    set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    if (!token.empty()) AddMetadata("authorization", "Bearer " + token);
  }
};

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    options_.state_dir = dir_.Path("state");
    options_.listen = {socket_, "127.0.0.1:0"};
    options_.metrics_address = "off";
    options_.shutdown_grace = absl::Milliseconds(100);
  }

  absl::StatusOr<std::unique_ptr<Server>> Start(bool adopt = false) {
    return Server::Start(
        options_,
        [&](const ServerOptions&) -> absl::StatusOr<std::unique_ptr<Launcher>> {
          auto launcher = std::make_unique<FakeLauncher>(2);
          launcher_ = launcher.get();
          if (adopt) launcher->AdoptAll();
          return launcher;
        });
  }

  std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(
        address, grpc::InsecureChannelCredentials(), arguments);
  }

  v1::Job Create(const std::string& id) {
    v1::CreateJobRequest request;
    request.set_job_id(id);
    v1::JobSpec& spec = *request.mutable_spec();
    spec.set_api_version("lockstep/v1");
    spec.mutable_model()->set_path("/models/tiny");
    spec.mutable_method()->mutable_lora();
    spec.mutable_data()->add_train()->set_path("/data/train.jsonl");
    spec.set_output_dir("/out");
    Context context;
    v1::Job job;
    const grpc::Status status = v1::JobService::NewStub(Connect(socket_))
                                    ->CreateJob(&context, request, &job);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return job;
  }

  std::string List(const std::string& address, const std::string& token) {
    Context context(token);
    v1::ListJobsResponse response;
    const grpc::Status status =
        v1::JobService::NewStub(Connect(address))
            ->ListJobs(&context, v1::ListJobsRequest(), &response);
    if (!status.ok()) return ErrorReason(FromGrpcStatus(status));
    return absl::StrCat(response.jobs_size());
  }

  ScopedTempDir dir_;
  const std::string socket_path_ = dir_.Path("run/lockstepd.sock");
  const std::string socket_ = "unix:" + socket_path_;
  ServerOptions options_;
  FakeLauncher* launcher_ = nullptr;  // Of the newest server.
};

TEST_F(ServerTest, ServesOnTheSocketAndOnLoopback) {
  const auto server = Start();
  ASSERT_TRUE(server.ok()) << server.status();
  ASSERT_THAT((*server)->addresses(), SizeIs(2));
  EXPECT_EQ((*server)->addresses()[0], socket_);
  const std::string tcp = (*server)->addresses()[1];
  EXPECT_THAT(tcp, ::testing::Not(::testing::EndsWith(":0")));
  EXPECT_EQ((*server)->metrics_url(), "");
  EXPECT_EQ(Create("a").owner(), "local");
  std::string token;
  std::ifstream(options_.state_dir + "/admin.token") >> token;
  EXPECT_EQ(List(socket_, ""), "1");
  EXPECT_EQ(List(socket_, token), "1");
  EXPECT_EQ(List(tcp, ""), "TOKEN_MISSING");
  EXPECT_EQ(List(tcp, "wrong"), "TOKEN_INVALID");
  EXPECT_EQ(List(tcp, token), "1");
}

TEST_F(ServerTest, TheSocketIsForOwnerAndGroup) {
  const auto server = Start();
  ASSERT_TRUE(server.ok()) << server.status();
  struct stat info {};
  ASSERT_EQ(stat(socket_path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660u);
}

TEST_F(ServerTest, ShowsMetrics) {
  options_.metrics_address = "127.0.0.1:0";
  const auto server = Start();
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_THAT((*server)->metrics_url(), HasSubstr("http://127.0.0.1:"));
  Context context;
  v1::ServerInfo info;
  ASSERT_TRUE(v1::ClusterService::NewStub(Connect(socket_))
                  ->GetServerInfo(&context, {}, &info)
                  .ok());
  EXPECT_EQ(info.metrics_address(), (*server)->metrics_url());
}

TEST_F(ServerTest, AJobOutlivesTheServer) {
  std::string uid;
  std::string token;
  {
    const auto server = Start();
    ASSERT_TRUE(server.ok()) << server.status();
    uid = Create("a").uid();
    token = launcher_->WaitForLaunch({"jobs/a", 0}).token;
  }
  const auto server = Start(/*adopt=*/true);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(List(socket_, ""), "1");
  // The process of the earlier life is known by its token.
  worker::v1::ReportPreparedRequest request;
  request.mutable_caller()->set_job("jobs/a");
  request.mutable_caller()->set_rank(-1);
  request.mutable_plan()->set_steps(4);
  Context context(token);
  worker::v1::ReportPreparedResponse response;
  const grpc::Status status =
      worker::v1::WorkerService::NewStub(Connect(socket_))
          ->ReportPrepared(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const LaunchRequest launch = launcher_->WaitForLaunch({"jobs/a", 1});
  EXPECT_EQ(launch.job_uid, uid);
}

TEST_F(ServerTest, AWatcherGoesOnWithTheNextServer) {
  auto server = Start();
  ASSERT_TRUE(server.ok()) << server.status();
  Create("a");
  const auto stub = v1::JobService::NewStub(Connect(socket_));
  v1::WatchJobsRequest request;
  request.set_name("jobs/a");
  v1::WatchJobsResponse change;
  {
    Context context;
    const auto reader = stub->WatchJobs(&context, request);
    ASSERT_TRUE(reader->Read(&change));
    request.set_resume_token(change.resume_token());
    server->reset();
    while (reader->Read(&change)) {
      request.set_resume_token(change.resume_token());
    }
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  }
  server = Start();
  ASSERT_TRUE(server.ok()) << server.status();
  v1::CancelJobRequest cancel;
  cancel.set_name("jobs/a");
  {
    Context context;
    context.set_wait_for_ready(true);
    v1::Job job;
    ASSERT_TRUE(stub->CancelJob(&context, cancel, &job).ok());
  }
  Context context;
  const auto reader = stub->WatchJobs(&context, request);
  const int64_t seen = std::stoll(request.resume_token());
  ASSERT_TRUE(reader->Read(&change));
  EXPECT_EQ(change.event().sequence(), seen + 1);
  context.TryCancel();
}

TEST_F(ServerTest, TwoNeverShareAStateFolder) {
  const auto first = Start();
  ASSERT_TRUE(first.ok()) << first.status();
  options_.listen = {"unix:" + dir_.Path("other.sock")};
  const auto second = Start();
  EXPECT_TRUE(absl::IsUnavailable(second.status()));
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr(options_.state_dir));
}

TEST_F(ServerTest, NeverTakesASocketThatIsAnswered) {
  const auto first = Start();
  ASSERT_TRUE(first.ok()) << first.status();
  options_.state_dir = dir_.Path("other");
  const auto second = Start();
  EXPECT_TRUE(absl::IsUnavailable(second.status()));
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("another server answers"));
  EXPECT_EQ(List(socket_, ""), "0");
}

TEST_F(ServerTest, NeverSharesAPort) {
  const auto first = Start();
  ASSERT_TRUE(first.ok()) << first.status();
  options_.state_dir = dir_.Path("other");
  options_.listen = {(*first)->addresses()[1]};
  const auto second = Start();
  EXPECT_TRUE(absl::IsUnavailable(second.status()));
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr(options_.listen[0]));
}

TEST_F(ServerTest, ReplacesASocketThatNobodyAnswers) {
  std::filesystem::create_directories(dir_.Path("run"));
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, socket_path_.c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)),
            0);
  close(fd);
  ASSERT_TRUE(std::filesystem::exists(socket_path_));
  const auto server = Start();
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(List(socket_, ""), "0");
}

TEST_F(ServerTest, NeverRemovesAFileThatIsNoSocket) {
  std::filesystem::create_directories(dir_.Path("run"));
  std::ofstream(socket_path_) << "a letter";
  const auto server = Start();
  EXPECT_TRUE(absl::IsFailedPrecondition(server.status()));
  EXPECT_THAT(std::string(server.status().message()), HasSubstr(socket_path_));
}

// The empty service name, and each by its own.
TEST_F(ServerTest, AnswersHealthChecks) {
  const auto server = Start();
  ASSERT_TRUE(server.ok()) << server.status();
  grpc::GenericStub stub(Connect(socket_));
  for (const std::string name :
       {"", "lockstep.v1.JobService", "lockstep.v1.ClusterService",
        "lockstep.worker.v1.WorkerService"}) {
    // HealthCheckRequest{service = 1}, HealthCheckResponse{status = 1}.
    std::string request;
    if (!name.empty()) {
      request = absl::StrCat("\x0a", std::string(1, char(name.size())), name);
    }
    const grpc::Slice slice(request);
    grpc::ByteBuffer bytes(&slice, 1);
    grpc::ByteBuffer answer;
    Context context;
    grpc::CompletionQueue queue;
    auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check",
                                      bytes, &queue);
    call->StartCall();
    grpc::Status status;
    call->Finish(&answer, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    ASSERT_TRUE(queue.Next(&tag, &ok));
    ASSERT_TRUE(status.ok()) << name << ": " << status.error_message();
    grpc::Slice serving;
    ASSERT_TRUE(answer.DumpToSingleSlice(&serving).ok());
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(serving.begin()),
                          serving.size()),
              "\x08\x01")
        << name;
  }
}

TEST_F(ServerTest, ABackupStartsAnotherServer) {
  std::string copy;
  {
    const auto server = Start();
    ASSERT_TRUE(server.ok()) << server.status();
    Create("a");
    Context context;
    const auto reader = v1::ClusterService::NewStub(Connect(socket_))
                            ->BackupStore(&context, {});
    v1::BackupStoreResponse piece;
    while (reader->Read(&piece)) copy += piece.data();
    const grpc::Status status = reader->Finish();
    ASSERT_TRUE(status.ok()) << status.error_message();
    Create("b");
  }
  options_.state_dir = dir_.Path("another");
  std::filesystem::create_directory(options_.state_dir);
  std::ofstream(options_.state_dir + "/lockstep.db", std::ios::binary) << copy;
  const auto server = Start();
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(List(socket_, ""), "1");
}

TEST_F(ServerTest, SaysThatTheStoreIsDamaged) {
  ASSERT_TRUE(Start().ok());
  {
    const std::ofstream emptied(options_.state_dir + "/lockstep.db",
                                std::ios::trunc);
  }
  const auto server = Start();
  EXPECT_TRUE(absl::IsDataLoss(server.status())) << server.status();
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("damaged"));
}

TEST_F(ServerTest, SaysThatMetricsCannotBeShown) {
  options_.metrics_address = "1.2.3.4:5";
  EXPECT_THAT(std::string(Start().status().message()),
              HasSubstr("metrics address"));
}

}  // namespace
}  // namespace lockstep
