#include "server/service/worker_service.h"

#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"
#include "proto/contract/exit_code.h"
#include "proto/contract/version.h"
#include "proto/contract/worker_version.h"
#include "tests/server/service/service_fixture.h"
#include "tests/testing/store_writes.h"

namespace lockstep {
namespace {

using ::lockstep::testing::ServiceFixture;
using ::lockstep::testing::TestContext;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class WorkerServiceTest : public ServiceFixture {
 protected:
  // jobs/a with this many ranks, in attempt 1.
  void Start(int ranks) {
    Create("a", ranks);
    token_ = Prepare("a");
  }

  grpc::Status Join(int rank, worker::v1::JoinResponse* response) {
    worker::v1::JoinRequest request;
    *request.mutable_caller() = CallerOf("a", 1, rank);
    request.set_incarnation(absl::StrCat("incarnation-", rank));
    TestContext context(token_);
    return workers_->Join(&context, request, response);
  }

  grpc::Status Commit(worker::v1::CommitCheckpointRequest::Phase phase) {
    worker::v1::CommitCheckpointRequest request;
    *request.mutable_caller() = CallerOf("a", 1, 0);
    request.set_phase(phase);
    request.mutable_checkpoint()->set_step(10);
    request.mutable_checkpoint()->set_path("/out/checkpoint-10");
    request.mutable_checkpoint()->set_manifest_sha256(std::string(64, 'a'));
    TestContext context(token_);
    worker::v1::CommitCheckpointResponse response;
    return workers_->CommitCheckpoint(&context, request, &response);
  }

  std::string token_;
};

TEST_F(WorkerServiceTest, OnlyTheTokenOfTheAttemptOpensIt) {
  Start(1);
  const auto outcome = [&](const std::string& token, const std::string& job,
                           int attempt) {
    worker::v1::ReportRequest request;
    *request.mutable_caller() = CallerOf(job, attempt, 0);
    worker::v1::ReportResponse response;
    TestContext context(token);
    return Reason(workers_->Report(&context, request, &response));
  };
  EXPECT_EQ(outcome(token_, "a", 1), "");
  EXPECT_EQ(outcome("", "a", 1), "TOKEN_MISSING");
  EXPECT_EQ(outcome("wrong", "a", 1), "TOKEN_INVALID");
  EXPECT_EQ(outcome(testing::kAdminToken, "a", 1), "TOKEN_INVALID");
  EXPECT_EQ(outcome(token_, "a", 2), "ATTEMPT_SUPERSEDED");
  EXPECT_EQ(outcome(token_, "b", 1), "ATTEMPT_SUPERSEDED");
  EndAttempt("a", 0);
  WaitForState("a", v1::Job::SUCCEEDED);
  // The token goes right after the end is on disk.
  while (outcome(token_, "a", 1).empty()) std::this_thread::yield();
  EXPECT_EQ(outcome(token_, "a", 1), "TOKEN_INVALID");
}

TEST_F(WorkerServiceTest, PrepareMayFail) {
  Create("a");
  const std::string token = launcher_.WaitForLaunch({"jobs/a", 0}).token;
  worker::v1::ReportPreparedRequest request;
  *request.mutable_caller() = CallerOf("a", 0, -1);
  request.mutable_error()->set_reason("INVALID_INPUT");
  request.mutable_error()->set_message("train.jsonl:3: not JSON");
  TestContext context(token);
  worker::v1::ReportPreparedResponse response;
  ASSERT_TRUE(workers_->ReportPrepared(&context, request, &response).ok());
  const v1::Job job = WaitForState("a", v1::Job::FAILED);
  EXPECT_EQ(job.error().message(), "train.jsonl:3: not JSON");
}

TEST_F(WorkerServiceTest, APlanOfANewerReleaseIsRefusedByName) {
  Create("a");
  worker::v1::ReportPreparedRequest request;
  *request.mutable_caller() = CallerOf("a", 0, -1);
  request.mutable_plan()->set_steps(40);
  TestContext context(launcher_.WaitForLaunch({"jobs/a", 0}).token);
  context.AddMetadata(kVersionMetadata, "99.0.0 (abc)");
  worker::v1::ReportPreparedResponse response;

  EXPECT_EQ(Reason(workers_->ReportPrepared(&context, request, &response)),
            "VERSION_MISMATCH");

  const v1::Job job = WaitForState("a", v1::Job::FAILED);
  EXPECT_EQ(job.error().reason(), "VERSION_MISMATCH");
  EXPECT_THAT(job.error().message(),
              AllOf(HasSubstr("lockstep-worker is 99.0.0 (abc)"),
                    HasSubstr("lockstepd is " + VersionText())));
}

TEST_F(WorkerServiceTest, ARankOfANewerReleaseEndsTheAttemptByName) {
  Start(1);
  worker::v1::JoinRequest request;
  *request.mutable_caller() = CallerOf("a", 1, 0);
  TestContext context(token_);
  context.AddMetadata(kVersionMetadata, "99.0.0 (abc)");
  worker::v1::JoinResponse response;

  EXPECT_EQ(Reason(workers_->Join(&context, request, &response)),
            "VERSION_MISMATCH");

  EndAttempt("a", kSuperseded);
  const v1::Job job = WaitForState("a", v1::Job::QUEUED);
  EXPECT_EQ(job.attempts(0).end_cause(), v1::Attempt::ENGINE_ERROR);
  EXPECT_THAT(job.attempts(0).end_message(),
              HasSubstr("lockstep-worker is 99.0.0 (abc)"));
}

TEST_F(WorkerServiceTest, RanksAreAnsweredWhenAllHaveJoined) {
  Start(2);
  ASSERT_TRUE(testing::CommitAndWait(
                  store_, {.checkpoints = {testing::CheckpointOf("a", 10),
                                           testing::CheckpointOf("a", 20)}})
                  .ok());
  worker::v1::JoinResponse first;
  worker::v1::JoinResponse second;
  std::thread other([&] { EXPECT_TRUE(Join(1, &second).ok()); });
  const grpc::Status status = Join(0, &first);
  other.join();
  ASSERT_TRUE(status.ok()) << status.error_message();
  for (const worker::v1::JoinResponse& response : {first, second}) {
    EXPECT_EQ(response.world_size(), 2);
    EXPECT_EQ(response.spec().name(), "a");
    EXPECT_EQ(response.plan().steps(), 40);
    ASSERT_EQ(response.checkpoints_size(), 2);
    EXPECT_EQ(response.checkpoints(0).step(), 20);
    EXPECT_EQ(response.heartbeat_interval().seconds(), 5);
    EXPECT_EQ(response.bind_address(), "127.0.0.1");
  }
}

TEST_F(WorkerServiceTest, ARankThatGivesUpWaitingIsAnswered) {
  Start(2);
  worker::v1::JoinRequest request;
  *request.mutable_caller() = CallerOf("a", 1, 0);
  request.set_incarnation("x");
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer " + token_);
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(50));
  worker::v1::JoinResponse response;
  EXPECT_EQ(workers_->Join(&context, request, &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(WorkerServiceTest, KeysAreSharedAmongRanks) {
  Start(1);
  worker::v1::WaitKeyRequest wait;
  *wait.mutable_caller() = CallerOf("a", 1, 0);
  wait.set_key("gloo/0");
  wait.mutable_timeout()->set_seconds(10);
  worker::v1::WaitKeyResponse value;
  std::thread waiter([&] {
    TestContext context(token_);
    EXPECT_TRUE(workers_->WaitKey(&context, wait, &value).ok());
  });
  worker::v1::SetKeyRequest set;
  *set.mutable_caller() = CallerOf("a", 1, 0);
  set.set_key("gloo/0");
  set.set_value("127.0.0.1:1");
  worker::v1::SetKeyResponse ignored;
  {
    TestContext context(token_);
    EXPECT_TRUE(workers_->SetKey(&context, set, &ignored).ok());
  }
  waiter.join();
  EXPECT_EQ(value.value(), "127.0.0.1:1");
  set.set_value("another");
  TestContext context(token_);
  EXPECT_EQ(Reason(workers_->SetKey(&context, set, &ignored)), "KEY_EXISTS");
}

TEST_F(WorkerServiceTest, PointsAreStoredOnceAndShown) {
  Start(1);
  EXPECT_EQ(Report(token_, CallerOf("a", 1, 0), 1, 3), 3);
  EXPECT_EQ(Report(token_, CallerOf("a", 1, 0), 2, 4), 4);
  EXPECT_EQ(Report(token_, CallerOf("a", 1, 0), 9, 9), 4);
  EXPECT_EQ(metric_log_.Read(Get("a").uid(), "", 100)->points.size(), 4u);
  const std::string text =
      prometheus::TextSerializer().Serialize(metrics_.registry()->Collect());
  EXPECT_THAT(text, HasSubstr("lockstep_train_step{job_id=\"a\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("lockstep_train_loss{job_id=\"a\"} 2.5\n"));
  // Each point counts once, however often it was sent.
  EXPECT_THAT(text,
              HasSubstr("lockstep_train_tokens_total{job_id=\"a\"} 400\n"));
}

TEST_F(WorkerServiceTest, ProgressOfRank0MakesTheJobRun) {
  Start(1);
  worker::v1::JoinResponse joined;
  ASSERT_TRUE(Join(0, &joined).ok());
  Report(token_, CallerOf("a", 1, 0), 1, 3);
  EXPECT_EQ(WaitForState("a", v1::Job::RUNNING).name(), "jobs/a");
  while (Get("a").progress().step() != 3) std::this_thread::yield();
}

TEST_F(WorkerServiceTest, AReportIsBounded) {
  Start(1);
  worker::v1::ReportRequest request;
  *request.mutable_caller() = CallerOf("a", 1, 0);
  for (int i = 0; i < 1001; ++i) request.add_points();
  TestContext context(token_);
  worker::v1::ReportResponse response;
  EXPECT_EQ(Reason(workers_->Report(&context, request, &response)),
            "TOO_MANY_POINTS");
}

TEST_F(WorkerServiceTest, ACheckpointIsListedAfterItsCommit) {
  Start(1);
  using Request = worker::v1::CommitCheckpointRequest;
  EXPECT_TRUE(Commit(Request::PHASE_GRANT).ok());
  EXPECT_TRUE(store_.ListCheckpoints("jobs/a")->empty());
  EXPECT_TRUE(Commit(Request::PHASE_COMMIT).ok());
  ASSERT_EQ(store_.ListCheckpoints("jobs/a")->size(), 1u);
  EXPECT_EQ(store_.ListCheckpoints("jobs/a")->front().name(),
            "jobs/a/checkpoints/10");
  EXPECT_EQ(Reason(Commit(Request::PHASE_UNSPECIFIED)), "INVALID_CHECKPOINT");
  // The newest one stays.
  EXPECT_EQ(Reason(Commit(Request::PHASE_UNLIST)), "INVALID_CHECKPOINT");
  EXPECT_EQ(store_.ListCheckpoints("jobs/a")->size(), 1u);
}

TEST_F(WorkerServiceTest, TheNewestCheckpointIsShown) {
  Start(1);
  using Request = worker::v1::CommitCheckpointRequest;
  const auto page = [this] {
    AwaitFeed();
    return prometheus::TextSerializer().Serialize(
        metrics_.registry()->Collect());
  };
  ASSERT_TRUE(Commit(Request::PHASE_GRANT).ok());
  EXPECT_THAT(page(), Not(HasSubstr("lockstep_checkpoint_bytes{")));
  ASSERT_TRUE(Commit(Request::PHASE_COMMIT).ok());
  EXPECT_THAT(page(), HasSubstr("lockstep_checkpoint_bytes{job_id=\"a\"}"));
  // One that begins with what is there shows it as well.
  ServerMetrics later(clock_, {});
  const auto feed = MetricsFeed::Start(store_, events_, later, pump_);
  ASSERT_TRUE(feed.ok()) << feed.status();
  EXPECT_THAT(
      prometheus::TextSerializer().Serialize(later.registry()->Collect()),
      HasSubstr(
          "lockstep_train_last_checkpoint_timestamp_seconds{job_id=\"a\"}"));
  // Behind it on the pump, so that it is not used any more.
  AwaitFeed();
}

class AttachTest : public WorkerServiceTest {
 protected:
  worker::v1::AttachRequest ReportOf(bool ended, int exit_code) {
    worker::v1::AttachRequest request;
    *request.mutable_caller() = CallerOf("a", 1, -1);
    request.set_ended(ended);
    worker::v1::RankProcess& rank = *request.add_ranks();
    rank.set_pid(4711);
    rank.set_exited(ended);
    rank.set_exit_code(exit_code);
    return request;
  }
};

TEST_F(AttachTest, RecordsPidsAndTheEnd) {
  Start(1);
  TestContext context(token_);
  const auto stream = workers_->Attach(&context);
  ASSERT_TRUE(stream->Write(ReportOf(false, 0)));
  ASSERT_TRUE(stream->Write(ReportOf(true, 0)));
  worker::v1::AttachResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_TRUE(response.end_recorded());
  const v1::Job job = Get("a");
  EXPECT_EQ(job.state(), v1::Job::SUCCEEDED);
  EXPECT_EQ(job.attempts(0).ranks(0).pid(), 4711);
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(AttachTest, TellsTheSupervisorToStop) {
  Start(1);
  TestContext context(token_);
  const auto stream = workers_->Attach(&context);
  ASSERT_TRUE(stream->Write(ReportOf(false, 0)));
  v1::CancelJobRequest cancel;
  cancel.set_name("jobs/a");
  v1::Job job;
  TestContext cancel_context;
  ASSERT_TRUE(jobs_->CancelJob(&cancel_context, cancel, &job).ok());
  worker::v1::AttachResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.command(), worker::v1::AttachResponse::STOP);
  EXPECT_EQ(response.grace().seconds(), 30);
  ASSERT_TRUE(stream->Write(ReportOf(true, 75)));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_TRUE(response.end_recorded());
  EXPECT_EQ(Get("a").state(), v1::Job::CANCELLED);
}

TEST_F(AttachTest, TellsALateSupervisorToStopAtOnce) {
  Start(1);
  v1::CancelJobRequest cancel;
  cancel.set_name("jobs/a");
  v1::Job job;
  TestContext cancel_context;
  ASSERT_TRUE(jobs_->CancelJob(&cancel_context, cancel, &job).ok());
  TestContext context(token_);
  const auto stream = workers_->Attach(&context);
  ASSERT_TRUE(stream->Write(ReportOf(false, 0)));
  worker::v1::AttachResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.command(), worker::v1::AttachResponse::STOP);
  context.TryCancel();
}

TEST_F(AttachTest, RefusesStrangers) {
  Start(1);
  const auto reason = [&](const std::string& token, int attempt) {
    TestContext context(token);
    const auto stream = workers_->Attach(&context);
    worker::v1::AttachRequest request = ReportOf(false, 0);
    request.mutable_caller()->set_attempt(attempt);
    stream->Write(request);
    worker::v1::AttachResponse response;
    EXPECT_FALSE(stream->Read(&response));
    return Reason(stream->Finish());
  };
  EXPECT_EQ(reason("wrong", 1), "TOKEN_INVALID");
  EXPECT_EQ(reason(token_, 2), "ATTEMPT_SUPERSEDED");
}

TEST_F(AttachTest, EndsWithTheCoordinator) {
  Start(1);
  TestContext context(token_);
  const auto stream = workers_->Attach(&context);
  ASSERT_TRUE(stream->Write(ReportOf(false, 0)));
  pump_.Stop();
  worker::v1::AttachResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(Reason(stream->Finish()), "SHUTTING_DOWN");
}

}  // namespace
}  // namespace lockstep
