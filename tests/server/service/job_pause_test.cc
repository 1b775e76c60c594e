// PauseJob, ResumeJob and ExplainJob; jobs that follow others.

#include "gmock/gmock.h"
#include "proto/contract/exit_code.h"
#include "tests/server/service/service_fixture.h"

namespace lockstep {
namespace {

using ::lockstep::testing::ServiceFixture;
using ::lockstep::testing::TestContext;
using ::testing::HasSubstr;

class JobPauseTest : public ServiceFixture {
 protected:
  grpc::Status Pause(const std::string& name, v1::Job* job,
                     const std::string& etag = "") {
    v1::PauseJobRequest request;
    request.set_name(name);
    request.set_etag(etag);
    TestContext context;
    return jobs_->PauseJob(&context, request, job);
  }
  grpc::Status Resume(const std::string& name, v1::Job* job,
                      const std::string& etag = "") {
    v1::ResumeJobRequest request;
    request.set_name(name);
    request.set_etag(etag);
    TestContext context;
    return jobs_->ResumeJob(&context, request, job);
  }

  v1::Job job_;
};

TEST_F(JobPauseTest, AJobHoldsUntilItIsResumed) {
  Create("a");
  Prepare("a");
  ASSERT_TRUE(Pause("jobs/a", &job_).ok());
  EXPECT_EQ(job_.state(), v1::Job::PAUSING);
  EXPECT_EQ(job_.desired(), v1::Job::PAUSE);
  EndAttempt("a", kStopped);
  WaitForState("a", v1::Job::PAUSED);

  ASSERT_TRUE(Resume("jobs/a", &job_, Get("a").etag()).ok());
  EXPECT_EQ(job_.state(), v1::Job::STARTING);
  launcher_.WaitForLaunch({"jobs/a", 2});
}

TEST_F(JobPauseTest, BadRequestsAreRefused) {
  Create("a");
  EXPECT_EQ(Reason(Pause("a", &job_)), "INVALID_NAME");
  EXPECT_EQ(Reason(Resume("a", &job_)), "INVALID_NAME");
  EXPECT_EQ(Reason(Pause("jobs/none", &job_)), "JOB_NOT_FOUND");
  EXPECT_EQ(Reason(Resume("jobs/none", &job_)), "JOB_NOT_FOUND");
  const grpc::Status stale = Pause("jobs/a", &job_, "1-none");
  EXPECT_EQ(stale.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(Reason(stale), "ETAG_MISMATCH");
  EXPECT_EQ(Reason(Resume("jobs/a", &job_, "1-none")), "ETAG_MISMATCH");
}

TEST_F(JobPauseTest, WhatHasEndedIsNeitherPausedNorResumed) {
  Create("a");
  Prepare("a");
  EndAttempt("a", kOk);
  WaitForState("a", v1::Job::SUCCEEDED);
  const grpc::Status status = Pause("jobs/a", &job_);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(Reason(status), "JOB_ENDED");
  EXPECT_EQ(Reason(Resume("jobs/a", &job_)), "JOB_ENDED");
}

TEST_F(JobPauseTest, AJobThatFollowsUnknownOnesIsRefused) {
  Create("a");
  v1::CreateJobRequest request = GoodRequest("b");
  request.mutable_spec()->add_after("a");
  request.mutable_spec()->add_after("none");
  for (const bool validate_only : {true, false}) {
    TestContext context;
    request.set_validate_only(validate_only);
    const grpc::Status status = jobs_->CreateJob(&context, request, &job_);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(Reason(status), "INVALID_SPEC");
    EXPECT_THAT(status.error_message(), HasSubstr("jobs/none does not exist"));
  }
  request.mutable_spec()->mutable_after()->RemoveLast();
  TestContext context;
  ASSERT_TRUE(jobs_->CreateJob(&context, request, &job_).ok());
  EXPECT_EQ(job_.pending_reason(), v1::Job::DEPENDENCY);
}

TEST_F(JobPauseTest, AJobIsExplained) {
  Create("a", 2);
  Prepare("a");
  Create("b");
  v1::ExplainJobRequest request;
  request.set_name("jobs/b");
  v1::JobExplanation explanation;
  {
    TestContext context;
    ASSERT_TRUE(jobs_->ExplainJob(&context, request, &explanation).ok());
    EXPECT_EQ(explanation.state(), v1::Job::PREPARING);
    EXPECT_EQ(explanation.devices_total(), 2);
  }
  {
    TestContext context;
    request.set_name("b");
    EXPECT_EQ(Reason(jobs_->ExplainJob(&context, request, &explanation)),
              "INVALID_NAME");
  }
  TestContext context;
  request.set_name("jobs/none");
  EXPECT_EQ(Reason(jobs_->ExplainJob(&context, request, &explanation)),
            "JOB_NOT_FOUND");
}

}  // namespace
}  // namespace lockstep
