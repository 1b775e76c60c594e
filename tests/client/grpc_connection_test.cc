#include "client/internal/grpc_connection.h"

#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "tests/client/fake_job_service.h"

namespace lockstep::internal {
namespace {

using ::lockstep::testing::FakeCoordinator;
using ::testing::ElementsAre;

v1::WatchJobsResponse Change(v1::Job::State state) {
  v1::WatchJobsResponse change;
  change.mutable_job()->set_name("jobs/a");
  change.mutable_job()->set_state(state);
  return change;
}

class GrpcConnectionTest : public ::testing::Test {
 protected:
  ClientOptions Options() {
    ClientOptions options;
    options.server = coordinator_.address();
    options.patience = absl::Seconds(5);
    return options;
  }

  FakeCoordinator coordinator_;
};

TEST_F(GrpcConnectionTest, ErrorsKeepTheirReason) {
  GrpcConnection connection(Options());
  v1::GetJobRequest request;
  request.set_name("jobs/none");

  const auto job = connection.GetJob(request);

  EXPECT_TRUE(absl::IsNotFound(job.status()));
  EXPECT_EQ(ErrorReason(job.status()), "JOB_NOT_FOUND");
}

TEST_F(GrpcConnectionTest, TheTokenTravelsAsBearer) {
  ClientOptions options = Options();
  options.token = "secret";
  GrpcConnection connection(options);

  EXPECT_TRUE(connection.CreateJob(v1::CreateJobRequest()).ok());

  EXPECT_EQ(coordinator_.jobs.authorization(), "Bearer secret");
}

class GrpcConnectionDropTest
    : public GrpcConnectionTest,
      public ::testing::WithParamInterface<grpc::StatusCode> {};

TEST_P(GrpcConnectionDropTest, AStreamGoesOnAfterTheCoordinatorWasAway) {
  coordinator_.jobs.changes = {Change(v1::Job::QUEUED),
                               Change(v1::Job::RUNNING),
                               Change(v1::Job::SUCCEEDED)};
  coordinator_.jobs.drop_watch_after = 2;
  coordinator_.jobs.drop_watch_with = GetParam();
  GrpcConnection connection(Options());
  std::vector<v1::Job::State> seen;

  const absl::Status status =
      connection.WatchJobs({}, [&](const v1::WatchJobsResponse& change) {
        seen.push_back(change.job().state());
        return true;
      });

  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(
      seen, ElementsAre(v1::Job::QUEUED, v1::Job::RUNNING, v1::Job::SUCCEEDED));
  EXPECT_THAT(coordinator_.jobs.watch_tokens(), ElementsAre("", "2"));
}

// CANCELLED: gRPC's answer to a call that reaches a server which shuts down.
INSTANTIATE_TEST_SUITE_P(ByStatus, GrpcConnectionDropTest,
                         ::testing::Values(grpc::StatusCode::UNAVAILABLE,
                                           grpc::StatusCode::CANCELLED));

TEST_F(GrpcConnectionTest, TheReaderMayLeaveAnOpenStream) {
  coordinator_.jobs.changes = {Change(v1::Job::QUEUED)};
  coordinator_.jobs.hold_watch = true;
  GrpcConnection connection(Options());

  EXPECT_TRUE(
      connection
          .WatchJobs({}, [](const v1::WatchJobsResponse&) { return false; })
          .ok());
}

TEST_F(GrpcConnectionTest, InterruptEndsARunningStream) {
  coordinator_.jobs.changes = {Change(v1::Job::QUEUED)};
  coordinator_.jobs.hold_watch = true;
  GrpcConnection connection(Options());
  absl::Notification first;
  std::thread interrupter([&] {
    first.WaitForNotification();
    connection.Interrupt();
  });

  const absl::Status status =
      connection.WatchJobs({}, [&](const v1::WatchJobsResponse&) {
        first.Notify();
        return true;
      });
  interrupter.join();

  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

TEST_F(GrpcConnectionTest, InterruptEndsLaterCallsToo) {
  GrpcConnection connection(Options());
  connection.Interrupt();

  EXPECT_TRUE(absl::IsCancelled(connection.GetServerInfo().status()));
}

TEST(GrpcConnectionAwayTest, AnAbsentCoordinatorIsUnavailable) {
  ClientOptions options;
  options.server = "unix:/nonexistent/lockstepd.sock";
  GrpcConnection connection(options);

  EXPECT_TRUE(absl::IsUnavailable(connection.GetServerInfo().status()));
}

}  // namespace
}  // namespace lockstep::internal
