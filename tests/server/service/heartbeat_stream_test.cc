#include "server/service/heartbeat_stream.h"

#include "server/scheduler/rank_watch.h"
#include "tests/server/service/service_fixture.h"

namespace lockstep {
namespace {

using ::lockstep::testing::ServiceFixture;
using ::lockstep::testing::TestContext;
using worker::v1::HeartbeatRequest;
using worker::v1::HeartbeatResponse;

class HeartbeatStreamTest : public ServiceFixture {
 protected:
  // jobs/a in attempt 1, with one rank that has stepped.
  void StartJob() {
    Create("a");
    token_ = Prepare("a");
    worker::v1::JoinRequest join;
    *join.mutable_caller() = CallerOf("a", 1, 0);
    join.set_incarnation("one");
    worker::v1::JoinResponse joined;
    TestContext context(token_);
    ASSERT_TRUE(workers_->Join(&context, join, &joined).ok());
    Report(token_, CallerOf("a", 1, 0), 1, 1);
    WaitForState("a", v1::Job::RUNNING);
  }

  HeartbeatRequest Beat(int attempt = 1) {
    HeartbeatRequest request;
    *request.mutable_caller() = CallerOf("a", attempt, 0);
    request.set_step(7);
    request.set_phase(worker::v1::PHASE_TRAINING);
    return request;
  }

  // The connection goes without the rank's farewell.
  void SpeakAndBreak() {
    TestContext context(token_);
    const auto stream = workers_->Heartbeat(&context);
    ASSERT_TRUE(stream->Write(Beat()));
    context.TryCancel();
    EXPECT_FALSE(stream->Finish().ok());
  }

  void Cancel() {
    v1::CancelJobRequest request;
    request.set_name("jobs/a");
    v1::Job job;
    TestContext context;
    ASSERT_TRUE(jobs_->CancelJob(&context, request, &job).ok());
  }

  void Drain() {
    v1::ServerInfo info;
    TestContext context;
    ASSERT_TRUE(cluster_->DrainServer(&context, {}, &info).ok());
  }

  std::string token_;
};

// The token is looked at once, so no message has to come first.
TEST_F(HeartbeatStreamTest, TellsARankThatIsSilentToStopAtOnce) {
  StartJob();
  TestContext context(token_);
  const auto stream = workers_->Heartbeat(&context);
  Cancel();
  HeartbeatResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.command(), HeartbeatResponse::STOP);
  context.TryCancel();
}

TEST_F(HeartbeatStreamTest, ADrainAsksForACheckpointAtOnce) {
  StartJob();
  TestContext context(token_);
  const auto stream = workers_->Heartbeat(&context);
  ASSERT_TRUE(stream->Write(Beat()));
  Drain();
  HeartbeatResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.command(), HeartbeatResponse::CHECKPOINT_AND_STOP);
  // A stop that does not wait for it takes its place.
  Cancel();
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.command(), HeartbeatResponse::STOP);
  context.TryCancel();
}

TEST_F(HeartbeatStreamTest, ACommandDuringABreakIsToldAfterIt) {
  StartJob();
  SpeakAndBreak();
  Drain();
  // To each that is opened, before it says anything.
  for (int i = 0; i < 2; ++i) {
    TestContext context(token_);
    const auto stream = workers_->Heartbeat(&context);
    HeartbeatResponse response;
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.command(), HeartbeatResponse::CHECKPOINT_AND_STOP);
    context.TryCancel();
  }
}

TEST_F(HeartbeatStreamTest, ACommandIsToldOnceToAStream) {
  StartJob();
  TestContext context(token_);
  const auto stream = workers_->Heartbeat(&context);
  Drain();
  HeartbeatResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.command(), HeartbeatResponse::CHECKPOINT_AND_STOP);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(stream->Write(Beat()));
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

// One that reads nothing: it is sent no more than the commands, and its stream
// ends with the attempt all the same.
TEST_F(HeartbeatStreamTest, ARankThatDoesNotReadHoldsNothingUp) {
  StartJob();
  TestContext context(token_);
  const auto stream = workers_->Heartbeat(&context);
  Drain();
  Cancel();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(stream->Write(Beat()));
  EndAttempt("a", 0);
  int told = 0;
  for (HeartbeatResponse response; stream->Read(&response);) ++told;
  EXPECT_LE(told, 2);
  EXPECT_EQ(Reason(stream->Finish()), "ATTEMPT_SUPERSEDED");
}

TEST_F(HeartbeatStreamTest, EndsWithTheAttempt) {
  StartJob();
  TestContext context(token_);
  const auto stream = workers_->Heartbeat(&context);
  ASSERT_TRUE(stream->Write(Beat()));
  EndAttempt("a", 0);
  HeartbeatResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(Reason(stream->Finish()), "ATTEMPT_SUPERSEDED");
  // And is not opened again.
  TestContext again(token_);
  const auto late = workers_->Heartbeat(&again);
  EXPECT_FALSE(late->Read(&response));
  EXPECT_EQ(Reason(late->Finish()), "TOKEN_INVALID");
}

TEST_F(HeartbeatStreamTest, ARankThatHasSaidAllHasLeft) {
  StartJob();
  TestContext context(token_);
  const auto stream = workers_->Heartbeat(&context);
  ASSERT_TRUE(stream->Write(Beat()));
  ASSERT_TRUE(stream->WritesDone());
  EXPECT_TRUE(stream->Finish().ok());

  server_->Shutdown();

  EXPECT_TRUE(scheduler_.Ranks().at(0).left);
}

// So that it is silent, if nobody says what became of it.
TEST_F(HeartbeatStreamTest, OneWhoseConnectionBreaksHasNot) {
  StartJob();
  SpeakAndBreak();

  server_->Shutdown();

  EXPECT_FALSE(scheduler_.Ranks().at(0).left);
}

TEST_F(HeartbeatStreamTest, RefusesStrangers) {
  StartJob();
  const auto reason = [&](const std::string& token, int attempt) {
    TestContext context(token);
    const auto stream = workers_->Heartbeat(&context);
    stream->Write(Beat(attempt));
    HeartbeatResponse response;
    EXPECT_FALSE(stream->Read(&response));
    return Reason(stream->Finish());
  };
  EXPECT_EQ(reason("", 1), "TOKEN_MISSING");
  EXPECT_EQ(reason("wrong", 1), "TOKEN_INVALID");
  EXPECT_EQ(reason(testing::kAdminToken, 1), "TOKEN_INVALID");
  EXPECT_EQ(reason(token_, 2), "ATTEMPT_SUPERSEDED");
}

TEST_F(HeartbeatStreamTest, EachMessageIsLookedAt) {
  StartJob();
  TestContext context(token_);
  const auto stream = workers_->Heartbeat(&context);
  ASSERT_TRUE(stream->Write(Beat()));
  stream->Write(Beat(/*attempt=*/2));
  HeartbeatResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(Reason(stream->Finish()), "ATTEMPT_SUPERSEDED");
}

TEST_F(HeartbeatStreamTest, EndsWithTheCoordinator) {
  StartJob();
  TestContext context(token_);
  const auto stream = workers_->Heartbeat(&context);
  ASSERT_TRUE(stream->Write(Beat()));
  pump_.Stop();
  HeartbeatResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(Reason(stream->Finish()), "SHUTTING_DOWN");
}

}  // namespace
}  // namespace lockstep
