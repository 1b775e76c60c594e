// `lockstep-worker prepare` as the launcher starts it, against a coordinator
// that knows only ReportPrepared.

#include <google/protobuf/util/json_util.h>
#include <grpcpp/grpcpp.h>

#include <filesystem>
#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lockstep/worker/v1/worker_service.grpc.pb.h"
#include "proto/contract/exit_code.h"
#include "proto/contract/job_spec.h"
#include "tests/integration/process.h"
#include "tests/testing/temp_dir.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class PrepareListener : public worker::v1::WorkerService::Service {
 public:
  grpc::Status ReportPrepared(grpc::ServerContext* context,
                              const worker::v1::ReportPreparedRequest* request,
                              worker::v1::ReportPreparedResponse*) override {
    const auto& metadata = context->client_metadata();
    const auto token = metadata.find("authorization");
    EXPECT_TRUE(token != metadata.end() && token->second == "Bearer secret");
    report = *request;
    return answer;
  }

  grpc::Status answer;
  worker::v1::ReportPreparedRequest report;
};

class WorkerPrepareTest : public ::testing::Test {
 protected:
  WorkerPrepareTest() {
    server_ = grpc::ServerBuilder()
                  .AddListeningPort(address_, grpc::InsecureServerCredentials())
                  .RegisterService(&coordinator_)
                  .BuildAndStart();
    EXPECT_NE(server_, nullptr);
    const std::string data = SourceDir() + "/tests/testdata/";
    spec_.set_api_version("lockstep/v1");
    spec_.mutable_model()->set_path(data + "models/tiny-llama");
    spec_.mutable_method()->mutable_full();
    spec_.mutable_data()->add_train()->set_path(data + "data/chat.jsonl");
    spec_.set_output_dir(dir_.Path("out"));
    ApplyDefaults(&spec_);
  }

  RunResult Prepare() {
    std::string json;
    EXPECT_TRUE(google::protobuf::util::MessageToJsonString(spec_, &json).ok());
    WriteFile(dir_.Path("spec.json"), json);
    return PrepareSpecFile();
  }
  RunResult PrepareSpecFile() {
    WriteFile(dir_.Path("token"), "secret\n");
    return RunProgram({BinDir() + "/lockstep-worker", "prepare",
                       "--coordinator", address_, "--job", "jobs/demo",
                       "--job-uid", "u1", "--token-file", dir_.Path("token"),
                       "--spec", dir_.Path("spec.json"), "--cache-dir",
                       dir_.Path("cache")});
  }

  ScopedTempDir dir_;
  const std::string address_ = "unix:" + dir_.Path("socket");
  PrepareListener coordinator_;
  std::unique_ptr<grpc::Server> server_;
  v1::JobSpec spec_;
};

TEST_F(WorkerPrepareTest, ReportsAPlan) {
  const RunResult run = Prepare();

  ASSERT_EQ(run.exit_code, kOk) << run.err;
  EXPECT_EQ(coordinator_.report.caller().job(), "jobs/demo");
  EXPECT_EQ(coordinator_.report.caller().attempt(), 0);
  EXPECT_EQ(coordinator_.report.caller().rank(), -1);
  const v1::Plan& plan = coordinator_.report.plan();
  EXPECT_EQ(plan.rows(), 28);
  EXPECT_TRUE(fs::exists(plan.token_cache() + "/train.tokens"));
}

TEST_F(WorkerPrepareTest, ReportsWhatIsWrongAndSaysItInItsLog) {
  spec_.mutable_model()->set_path("/nonexistent/model");

  const RunResult run = Prepare();

  EXPECT_EQ(run.exit_code, kInvalidInput);
  EXPECT_EQ(coordinator_.report.error().reason(), "INVALID_INPUT");
  EXPECT_THAT(coordinator_.report.error().message(),
              HasSubstr("model.path: /nonexistent/model"));
  EXPECT_THAT(run.err, HasSubstr("model.path: /nonexistent/model"));
  EXPECT_FALSE(fs::exists(dir_.Path("out")));
}

TEST_F(WorkerPrepareTest, WarnsInItsLog) {
  spec_.mutable_data()->set_max_length(100000);

  EXPECT_THAT(Prepare().err, HasSubstr("warning: data.max_length: 100000"));
}

TEST_F(WorkerPrepareTest, TokenThatIsNoLongerValidMeansSuperseded) {
  coordinator_.answer = {grpc::StatusCode::UNAUTHENTICATED, "no such token"};

  EXPECT_EQ(Prepare().exit_code, kSuperseded);
}

TEST_F(WorkerPrepareTest, SpecFileThatIsNotASpecIsNamed) {
  WriteFile(dir_.Path("spec.json"), "{\"modle\": 1}");

  const RunResult run = PrepareSpecFile();

  EXPECT_EQ(run.exit_code, kUsage);
  EXPECT_THAT(run.err, AllOf(HasSubstr("spec.json"), HasSubstr("modle")));
}

TEST_F(WorkerPrepareTest, MissingSpecFileIsNamed) {
  const RunResult run = PrepareSpecFile();

  EXPECT_EQ(run.exit_code, kUsage);
  EXPECT_THAT(run.err, HasSubstr(dir_.Path("spec.json")));
}

}  // namespace
}  // namespace lockstep::testing
