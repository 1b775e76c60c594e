#include "server/service/job_service.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"
#include "tests/server/service/service_fixture.h"
#include "tests/testing/store_writes.h"

namespace lockstep {
namespace {

using ::lockstep::testing::ServiceFixture;
using ::lockstep::testing::TestContext;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class JobServiceTest : public ServiceFixture {
 protected:
  grpc::Status Call(const v1::CreateJobRequest& request, v1::Job* job) {
    TestContext context;
    return jobs_->CreateJob(&context, request, job);
  }
  grpc::Status Call(const v1::CreateJobRequest& request) {
    v1::Job ignored;
    return Call(request, &ignored);
  }
  std::string Metrics() {
    return prometheus::TextSerializer().Serialize(
        metrics_.registry()->Collect());
  }
};

TEST_F(JobServiceTest, CreateReturnsTheJobWithAllDefaults) {
  v1::Job job;
  ASSERT_TRUE(Call(GoodRequest("a"), &job).ok());
  EXPECT_EQ(job.name(), "jobs/a");
  EXPECT_NE(job.uid(), "");
  EXPECT_THAT(job.state(), AnyOf(v1::Job::QUEUED, v1::Job::PREPARING));
  EXPECT_EQ(job.owner(), "admin");
  EXPECT_EQ(job.spec().name(), "a");
  EXPECT_EQ(job.spec().train().num_train_epochs(), 3);
  // No GPU here, so auto is cpu.
  EXPECT_EQ(job.spec().resources().device(), v1::ResourceSpec::DEVICE_CPU);
  EXPECT_EQ(Get("a").uid(), job.uid());
}

TEST_F(JobServiceTest, AJobIdWinsOverTheSpecsName) {
  v1::CreateJobRequest request = GoodRequest("a");
  request.mutable_spec()->set_name("b");
  v1::Job job;
  ASSERT_TRUE(Call(request, &job).ok());
  EXPECT_EQ(job.name(), "jobs/a");
  request.clear_job_id();
  ASSERT_TRUE(Call(request, &job).ok());
  EXPECT_EQ(job.name(), "jobs/b");
}

TEST_F(JobServiceTest, AJobWithoutANameGetsOne) {
  v1::Job job;
  ASSERT_TRUE(Call(GoodRequest(""), &job).ok());
  EXPECT_THAT(job.name(), HasSubstr("jobs/"));
  EXPECT_GT(job.name().size(), std::string("jobs/").size());
}

TEST_F(JobServiceTest, CreateNamesAllBadFields) {
  v1::CreateJobRequest request = GoodRequest("a");
  request.mutable_spec()->set_output_dir("relative");
  request.mutable_spec()->mutable_train()->set_learning_rate(-1);
  const grpc::Status status = Call(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Reason(status), "INVALID_SPEC");
  std::vector<std::string> fields;
  for (const auto& violation : ErrorViolations(FromGrpcStatus(status))) {
    fields.push_back(violation.field);
  }
  EXPECT_THAT(fields, ::testing::UnorderedElementsAre("output_dir",
                                                      "train.learning_rate"));
}

TEST_F(JobServiceTest, CreateRefusesBadIds) {
  EXPECT_EQ(Reason(Call(GoodRequest("Not An Id"))), "INVALID_JOB_ID");
  v1::CreateJobRequest request = GoodRequest("a");
  request.set_request_id(std::string(37, 'x'));
  EXPECT_EQ(Reason(Call(request)), "INVALID_REQUEST_ID");
}

TEST_F(JobServiceTest, CreateRefusesATakenId) {
  ASSERT_TRUE(Call(GoodRequest("a")).ok());
  EXPECT_EQ(Reason(Call(GoodRequest("a"))), "JOB_EXISTS");
}

TEST_F(JobServiceTest, ARetryReturnsTheFirstJob) {
  v1::CreateJobRequest request = GoodRequest("");
  request.set_request_id("r-1");
  (*request.mutable_spec()->mutable_labels())["team"] = "nlp";
  (*request.mutable_spec()->mutable_labels())["stage"] = "test";
  v1::Job first;
  v1::Job second;
  ASSERT_TRUE(Call(request, &first).ok());
  ASSERT_TRUE(Call(request, &second).ok());
  EXPECT_EQ(first.uid(), second.uid());
  (*request.mutable_spec()->mutable_labels())["team"] = "vision";
  const grpc::Status reused = Call(request);
  EXPECT_EQ(reused.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(Reason(reused), "REQUEST_ID_REUSED");
}

TEST_F(JobServiceTest, CreateRefusesMoreRanksThanThereAreSlots) {
  v1::CreateJobRequest request = GoodRequest("a");
  request.mutable_spec()->mutable_resources()->set_ranks(3);
  for (const bool validate_only : {false, true}) {
    request.set_validate_only(validate_only);
    const grpc::Status status = Call(request);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    EXPECT_EQ(Reason(status), "NOT_ENOUGH_DEVICES");
    EXPECT_THAT(status.error_message(), HasSubstr("3 cpu"));
  }
}

TEST_F(JobServiceTest, ValidateOnlyChangesNothing) {
  v1::CreateJobRequest request = GoodRequest("a");
  request.set_validate_only(true);
  v1::Job job;
  ASSERT_TRUE(Call(request, &job).ok());
  EXPECT_EQ(job.name(), "jobs/a");
  EXPECT_EQ(job.spec().train().num_train_epochs(), 3);
  EXPECT_EQ(Reason(Call(GoodRequest("a"))), "");
  EXPECT_EQ(Reason(Call(request)), "JOB_EXISTS");
  request.mutable_spec()->clear_output_dir();
  EXPECT_EQ(Reason(Call(request)), "INVALID_SPEC");
}

TEST_F(JobServiceTest, CreateFailsWhenTheDiskDoes) {
  store_.Break(absl::InternalError("no disk"));
  const grpc::Status status = Call(GoodRequest("a"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Reason(status), "STORE_UNAVAILABLE");
}

TEST_F(JobServiceTest, GetKnowsGoodNamesFromBad) {
  v1::GetJobRequest request;
  v1::Job job;
  const std::pair<const char*, const char*> cases[] = {
      {"jobs/none", "JOB_NOT_FOUND"},
      {"none", "INVALID_NAME"},
      {"jobs/../x", "INVALID_NAME"},
      {"", "INVALID_NAME"}};
  for (const auto& [name, reason] : cases) {
    request.set_name(name);
    TestContext context;
    EXPECT_EQ(Reason(jobs_->GetJob(&context, request, &job)), reason) << name;
  }
}

TEST_F(JobServiceTest, ListGoesThroughAllPages) {
  for (const char* id : {"a", "b", "c"})
    ASSERT_TRUE(Call(GoodRequest(id)).ok());
  std::vector<std::string> names;
  v1::ListJobsRequest request;
  request.set_page_size(2);
  do {
    TestContext context;
    v1::ListJobsResponse response;
    ASSERT_TRUE(jobs_->ListJobs(&context, request, &response).ok());
    for (const v1::Job& job : response.jobs()) names.push_back(job.name());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(names, ElementsAre("jobs/c", "jobs/b", "jobs/a"));
  request.set_page_token("nonsense");
  TestContext context;
  v1::ListJobsResponse response;
  EXPECT_EQ(Reason(jobs_->ListJobs(&context, request, &response)),
            "INVALID_PAGE_TOKEN");
}

TEST_F(JobServiceTest, APageOfLargeJobsFitsIntoAMessage) {
  for (int i = 0; i < 20; ++i) {
    server::JobRecord record = testing::Record(absl::StrCat("big-", i));
    (*record.mutable_job()->mutable_labels())["x"] = std::string(400'000, 'x');
    ASSERT_TRUE(
        testing::CommitAndWait(store_, {.jobs = {MakeJobRow(record)}}).ok());
  }
  v1::ListJobsRequest request;
  request.set_page_size(5000);
  int jobs = 0;
  do {
    TestContext context;
    v1::ListJobsResponse response;
    const grpc::Status status = jobs_->ListJobs(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    jobs += response.jobs_size();
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(jobs, 20);
}

TEST_F(JobServiceTest, CancelEndsAJob) {
  Create("a");
  v1::CancelJobRequest request;
  request.set_name("jobs/a");
  v1::Job job;
  {
    TestContext context;
    ASSERT_TRUE(jobs_->CancelJob(&context, request, &job).ok());
    EXPECT_EQ(job.desired(), v1::Job::CANCEL);
  }
  launcher_.End({.attempt = {"jobs/a", 0}, .ranks = {}, .signal = 9});
  WaitForState("a", v1::Job::CANCELLED);
  request.set_name("jobs/none");
  TestContext context;
  EXPECT_EQ(Reason(jobs_->CancelJob(&context, request, &job)), "JOB_NOT_FOUND");
}

TEST_F(JobServiceTest, ListsCheckpoints) {
  ASSERT_TRUE(testing::CommitAndWait(
                  store_, {.jobs = {MakeJobRow(testing::Record("a"))},
                           .checkpoints = {testing::CheckpointOf("a", 20),
                                           testing::CheckpointOf("a", 10)}})
                  .ok());
  v1::ListCheckpointsRequest request;
  request.set_name("jobs/a");
  TestContext context;
  v1::ListCheckpointsResponse response;
  ASSERT_TRUE(jobs_->ListCheckpoints(&context, request, &response).ok());
  ASSERT_THAT(response.checkpoints(), SizeIs(2));
  EXPECT_EQ(response.checkpoints(0).step(), 10);
  request.set_name("jobs/none");
  TestContext second;
  EXPECT_EQ(Reason(jobs_->ListCheckpoints(&second, request, &response)),
            "JOB_NOT_FOUND");
}

TEST_F(JobServiceTest, EveryCallIsChecked) {
  const auto refuse = [&](auto stub, auto method, auto request, auto response) {
    for (const auto& [token, reason] :
         {std::pair{"", "TOKEN_MISSING"}, std::pair{"no", "TOKEN_INVALID"}}) {
      TestContext context(token);
      const grpc::Status status = (stub->*method)(&context, request, &response);
      EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
      EXPECT_EQ(Reason(status), reason) << request.GetTypeName();
    }
  };
  using Jobs = v1::JobService::Stub;
  using Cluster = v1::ClusterService::Stub;
  refuse(jobs_.get(), &Jobs::CreateJob, GoodRequest("a"), v1::Job());
  refuse(jobs_.get(), &Jobs::GetJob, v1::GetJobRequest(), v1::Job());
  refuse(jobs_.get(), &Jobs::ListJobs, v1::ListJobsRequest(),
         v1::ListJobsResponse());
  refuse(jobs_.get(), &Jobs::CancelJob, v1::CancelJobRequest(), v1::Job());
  refuse(jobs_.get(), &Jobs::PauseJob, v1::PauseJobRequest(), v1::Job());
  refuse(jobs_.get(), &Jobs::ResumeJob, v1::ResumeJobRequest(), v1::Job());
  refuse(jobs_.get(), &Jobs::ExplainJob, v1::ExplainJobRequest(),
         v1::JobExplanation());
  refuse(jobs_.get(), &Jobs::UpdateJob, v1::UpdateJobRequest(), v1::Job());
  refuse(jobs_.get(), &Jobs::DeleteJob, v1::DeleteJobRequest(),
         google::protobuf::Empty());
  refuse(jobs_.get(), &Jobs::ListEvents, v1::ListEventsRequest(),
         v1::ListEventsResponse());
  refuse(jobs_.get(), &Jobs::ListCheckpoints, v1::ListCheckpointsRequest(),
         v1::ListCheckpointsResponse());
  refuse(jobs_.get(), &Jobs::UpdateCheckpoint, v1::UpdateCheckpointRequest(),
         v1::Checkpoint());
  refuse(cluster_.get(), &Cluster::ListNodes, v1::ListNodesRequest(),
         v1::ListNodesResponse());
  refuse(cluster_.get(), &Cluster::GetServerInfo, v1::GetServerInfoRequest(),
         v1::ServerInfo());
  refuse(cluster_.get(), &Cluster::GetServerConfig,
         v1::GetServerConfigRequest(), v1::ServerConfig());
  refuse(cluster_.get(), &Cluster::DrainServer, v1::DrainServerRequest(),
         v1::ServerInfo());
  refuse(cluster_.get(), &Cluster::UndrainServer, v1::UndrainServerRequest(),
         v1::ServerInfo());
  refuse(cluster_.get(), &Cluster::ListQueues, v1::ListQueuesRequest(),
         v1::ListQueuesResponse());
  refuse(cluster_.get(), &Cluster::CreateQueue, v1::CreateQueueRequest(),
         v1::Queue());
  refuse(cluster_.get(), &Cluster::UpdateQueue, v1::UpdateQueueRequest(),
         v1::Queue());
  refuse(cluster_.get(), &Cluster::DeleteQueue, v1::DeleteQueueRequest(),
         google::protobuf::Empty());
}

TEST_F(JobServiceTest, NodesAreShownWithWhatTheyDo) {
  options_.device_loads = [] {
    std::map<std::string, v1::DeviceLoad> loads;
    loads["cpu:1"].set_power_watts(250);
    loads["elsewhere"].set_power_watts(1);
    return loads;
  };
  TestContext context;
  v1::ListNodesResponse nodes;
  ASSERT_TRUE(
      cluster_->ListNodes(&context, v1::ListNodesRequest(), &nodes).ok());
  ASSERT_THAT(nodes.nodes(0).devices(), SizeIs(2));
  EXPECT_FALSE(nodes.nodes(0).devices(0).has_load());
  EXPECT_EQ(nodes.nodes(0).devices(1).load().power_watts(), 250);
}

TEST_F(JobServiceTest, DevicesAreDrainedAndGivenBack) {
  v1::DrainDeviceRequest drain;
  drain.set_device("cpu:1");
  TestContext without_reason;
  v1::Device device;
  EXPECT_EQ(Reason(cluster_->DrainDevice(&without_reason, drain, &device)),
            "INVALID_REASON");
  drain.set_reason("its fan");
  TestContext first;
  ASSERT_TRUE(cluster_->DrainDevice(&first, drain, &device).ok());
  EXPECT_EQ(device.id(), "cpu:1");
  EXPECT_EQ(device.drained(), "its fan");
  v1::UndrainDeviceRequest undrain;
  undrain.set_device("cpu:1");
  TestContext second;
  ASSERT_TRUE(cluster_->UndrainDevice(&second, undrain, &device).ok());
  EXPECT_EQ(device.drained(), "");
  undrain.set_device("cpu:7");
  TestContext third;
  EXPECT_EQ(Reason(cluster_->UndrainDevice(&third, undrain, &device)),
            "DEVICE_NOT_FOUND");
}

TEST_F(JobServiceTest, ClusterServiceShowsNodesAndVersion) {
  TestContext first;
  v1::ListNodesResponse nodes;
  ASSERT_TRUE(cluster_->ListNodes(&first, v1::ListNodesRequest(), &nodes).ok());
  ASSERT_THAT(nodes.nodes(), SizeIs(1));
  EXPECT_THAT(nodes.nodes(0).devices(), SizeIs(2));
  TestContext second;
  v1::ServerInfo info;
  ASSERT_TRUE(
      cluster_->GetServerInfo(&second, v1::GetServerInfoRequest(), &info).ok());
  EXPECT_EQ(info.version(), "0.1.0");
  EXPECT_EQ(info.metrics_address(), "http://127.0.0.1:9464/metrics");
  EXPECT_EQ(info.start_time().seconds(), 1000);
  EXPECT_EQ(info.store_version(), 7);
  EXPECT_EQ(info.state_dir(), options_.state_dir);
  EXPECT_THAT(info.jobs(), SizeIs(0));
  TestContext third;
  v1::ServerConfig config;
  ASSERT_TRUE(
      cluster_->GetServerConfig(&third, v1::GetServerConfigRequest(), &config)
          .ok());
  ASSERT_THAT(config.settings(), SizeIs(1));
  EXPECT_EQ(config.settings(0).name(), "cpu-slots");
  EXPECT_EQ(config.settings(0).value(), "2");
}

TEST_F(JobServiceTest, ADrainedServerTakesNoJobAndSaysSo) {
  ASSERT_TRUE(Call(GoodRequest("a")).ok());
  v1::ServerInfo info;
  {
    TestContext context;
    ASSERT_TRUE(
        cluster_->DrainServer(&context, v1::DrainServerRequest(), &info).ok());
  }
  EXPECT_TRUE(info.has_drain_time());
  const grpc::Status refused = Call(GoodRequest("b"));
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Reason(refused), "DRAINING");
  info.Clear();
  {
    TestContext context;
    ASSERT_TRUE(
        cluster_->GetServerInfo(&context, v1::GetServerInfoRequest(), &info)
            .ok());
  }
  EXPECT_TRUE(info.has_drain_time());
  {
    TestContext context;
    ASSERT_TRUE(
        cluster_->UndrainServer(&context, v1::UndrainServerRequest(), &info)
            .ok());
  }
  EXPECT_FALSE(info.has_drain_time());
  EXPECT_TRUE(Call(GoodRequest("b")).ok());
}

TEST_F(JobServiceTest, CallsAreCounted) {
  ASSERT_TRUE(Call(GoodRequest("a")).ok());
  EXPECT_EQ(Reason(Call(GoodRequest("a"))), "JOB_EXISTS");
  const std::string text = Metrics();
  EXPECT_THAT(text, HasSubstr("handled_total{code=\"OK\",method="
                              "\"lockstep.v1.JobService/CreateJob\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("handled_total{code=\"ALREADY_EXISTS\",method="
                              "\"lockstep.v1.JobService/CreateJob\"} 1\n"));
}

}  // namespace
}  // namespace lockstep
