// CreateJob of a job that goes on from another one's checkpoint.

#include <thread>

#include "gmock/gmock.h"
#include "tests/server/service/service_fixture.h"
#include "tests/testing/store_writes.h"

namespace lockstep {
namespace {

using ::lockstep::testing::CheckpointOf;
using ::lockstep::testing::CommitAndWait;
using ::lockstep::testing::ServiceFixture;
using ::lockstep::testing::TestContext;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class StartFromTest : public ServiceFixture {
 protected:
  // "first" has ended, and step 40 of it is listed.
  void EndFirst() {
    Create("first", /*ranks=*/2);
    TestContext context;
    v1::CancelJobRequest request;
    request.set_name("jobs/first");
    v1::Job job;
    ASSERT_TRUE(jobs_->CancelJob(&context, request, &job).ok());
    launcher_.End({.attempt = {"jobs/first", 0}, .ranks = {}, .signal = 9});
    WaitForState("first", v1::Job::CANCELLED);
    StoreWrite write;
    write.checkpoints = {CheckpointOf("first", 40)};
    ASSERT_TRUE(CommitAndWait(store_, std::move(write)).ok());
  }

  static v1::CreateJobRequest Second(int ranks) {
    v1::CreateJobRequest request = GoodRequest("second");
    request.mutable_spec()->mutable_resources()->set_ranks(ranks);
    request.mutable_spec()->mutable_checkpoint()->set_start_from(
        "jobs/first/checkpoints/40");
    return request;
  }
  grpc::Status Send(const v1::CreateJobRequest& request) {
    TestContext context;
    return jobs_->CreateJob(&context, request, &job_);
  }

  v1::Job job_;
};

TEST_F(StartFromTest, TheJobAndItsRanksLearnWhereItIs) {
  EndFirst();
  ASSERT_TRUE(Send(Second(2)).ok());
  EXPECT_EQ(job_.origin().name(), "jobs/first/checkpoints/40");
  const std::string token = Prepare("second");
  EXPECT_TRUE(Get("second").has_origin());
  const auto join = [&](int rank, worker::v1::JoinResponse* response) {
    worker::v1::JoinRequest request;
    *request.mutable_caller() = CallerOf("second", 1, rank);
    request.set_incarnation("x");
    TestContext context(token);
    const grpc::Status status = workers_->Join(&context, request, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
  };
  worker::v1::JoinResponse first;
  worker::v1::JoinResponse second;
  std::thread other([&] { join(1, &second); });
  join(0, &first);
  other.join();
  EXPECT_EQ(first.origin().name(), "jobs/first/checkpoints/40");
}

TEST_F(StartFromTest, OtherRanksAreRefusedUnlessAskedFor) {
  EndFirst();
  const grpc::Status refused = Send(Second(1));
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(Reason(refused), "INEXACT_RESUME");
  EXPECT_THAT(refused.error_message(),
              AllOf(HasSubstr("resources.ranks was 2, is 1"),
                    HasSubstr("checkpoint.inexact")));
  v1::CreateJobRequest request = Second(1);
  request.mutable_spec()->mutable_checkpoint()->set_inexact(true);
  EXPECT_TRUE(Send(request).ok());
}

TEST_F(StartFromTest, AnotherRunIsRefusedInAnyCase) {
  EndFirst();
  v1::CreateJobRequest request = Second(2);
  request.mutable_spec()->mutable_checkpoint()->set_inexact(true);
  request.mutable_spec()->mutable_data()->set_max_length(77);
  request.mutable_spec()->mutable_train()->set_seed(43);
  request.mutable_spec()->mutable_data()->set_shuffle_seed(42);
  const grpc::Status refused = Send(request);
  EXPECT_EQ(Reason(refused), "ANOTHER_RUN");
  EXPECT_THAT(
      refused.error_message(),
      AllOf(HasSubstr("max_length: 77"), HasSubstr("train.seed was 42, is 43"),
            Not(HasSubstr("model.path"))));
  // Also where nothing would be started.
  request.set_validate_only(true);
  EXPECT_EQ(Reason(Send(request)), "ANOTHER_RUN");
}

TEST_F(StartFromTest, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(Reason(Send(Second(2))), "JOB_NOT_FOUND");
  EndFirst();
  v1::CreateJobRequest request = Second(2);
  request.mutable_spec()->mutable_checkpoint()->set_start_from(
      "jobs/first/checkpoints/41");
  EXPECT_EQ(Reason(Send(request)), "CHECKPOINT_NOT_FOUND");
}

TEST_F(StartFromTest, AJobThatGoesOnKeepsItsCheckpoints) {
  Create("first", /*ranks=*/2);
  const grpc::Status refused = Send(Second(2));
  EXPECT_EQ(Reason(refused), "JOB_NOT_ENDED");
  EXPECT_THAT(refused.error_message(), HasSubstr("jobs/first is PREPARING"));
}

TEST_F(StartFromTest, ARetryOfTheCallDoesNotAskAgain) {
  EndFirst();
  v1::CreateJobRequest request = Second(2);
  request.set_request_id("once");
  ASSERT_TRUE(Send(request).ok());
  {
    TestContext context;
    v1::DeleteJobRequest gone;
    gone.set_name("jobs/first");
    google::protobuf::Empty nothing;
    ASSERT_TRUE(jobs_->DeleteJob(&context, gone, &nothing).ok());
  }
  EXPECT_TRUE(Send(request).ok());
  EXPECT_EQ(job_.name(), "jobs/second");
}

TEST_F(StartFromTest, PinsWantTheirNameAndNothingElse) {
  v1::UpdateCheckpointRequest request;
  v1::Checkpoint checkpoint;
  const auto update = [&] {
    TestContext context;
    return Reason(jobs_->UpdateCheckpoint(&context, request, &checkpoint));
  };
  EXPECT_EQ(update(), "INVALID_NAME");
  request.mutable_checkpoint()->set_name("jobs/first/checkpoints/40");
  EXPECT_EQ(update(), "JOB_NOT_FOUND");
  request.mutable_update_mask()->add_paths("loss");
  EXPECT_EQ(update(), "INVALID_UPDATE_MASK");
}

}  // namespace
}  // namespace lockstep
