// A15: a storm of retries. Ten callers ask for each job at the same time, with
// one request id, while the coordinator is killed in their midst: each job is
// made once, and all who asked for it are told of the same one.

#include <array>
#include <barrier>
#include <chrono>
#include <iostream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "tests/acceptance/api_calls.h"
#include "tests/integration/long_run.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

constexpr int kJobs = 1000;
constexpr int kCallers = 10;

std::string IdOf(int job) { return absl::StrCat("job-", job); }

v1::CreateJobRequest RequestOf(int job) {
  v1::CreateJobRequest request = WaitingJobRequest(IdOf(job), "first");
  request.set_request_id(absl::StrCat("request-", job));
  return request;
}

// Until it is answered: a coordinator that is gone is one to wait for.
v1::Job CreateAtLast(v1::JobService::Stub& jobs, int job, int& repeated) {
  const auto give_up =
      std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (true) {
    v1::Job made;
    const grpc::Status status = Create(jobs, RequestOf(job), &made);
    if (status.ok()) return made;
    ++repeated;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE)
        << status.error_message();
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE ||
        std::chrono::steady_clock::now() > give_up) {
      return made;
    }
  }
}

class DuplicateSubmitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // All others wait for it, so that nothing runs.
    SubmitDetached(cluster_, "first", LongJob(cluster_.Path("first")));
    ASSERT_EQ(cluster_.Lockstep({"jobs", "pause", "first"}).exit_code, 0);
    cluster_.WaitForState("first", v1::Job::PAUSED);
    jobs_ = cluster_.Connect();
  }

  std::string ReasonOfRefusal(const v1::CreateJobRequest& request) {
    v1::Job job;
    const grpc::Status status = Create(*jobs_, request, &job);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
    return ReasonOf(status);
  }

  // Names of all jobs but the first, and how many there are.
  std::vector<std::string> Listed() {
    std::vector<std::string> names = NamesOfJobs(*jobs_);
    std::erase(names, "jobs/first");
    return names;
  }

  TestCluster cluster_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
};

TEST_F(DuplicateSubmitTest, EachJobIsMadeOnceAndItsIdIsTaken) {
  std::array<std::vector<std::string>, kCallers> uids;
  std::array<int, kCallers> repeated{};
  absl::Notification half;
  std::barrier together(kCallers);
  std::vector<std::thread> callers;
  callers.reserve(kCallers);
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      const auto jobs = cluster_.Connect();
      for (int job = 0; job < kJobs; ++job) {
        together.arrive_and_wait();
        if (caller == 0 && job == kJobs / 2) half.Notify();
        uids[caller].push_back(
            CreateAtLast(*jobs, job, repeated[caller]).uid());
      }
    });
  }
  half.WaitForNotification();
  cluster_.KillDaemon();
  cluster_.StartDaemon();
  for (std::thread& caller : callers) caller.join();

  const std::vector<std::string> names = Listed();
  EXPECT_EQ(names.size(), kJobs);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), kJobs);
  EXPECT_EQ(std::set<std::string>(uids[0].begin(), uids[0].end()).size(),
            kJobs);
  for (const std::vector<std::string>& told : uids) EXPECT_EQ(told, uids[0]);
  int again = 0;
  for (const int calls : repeated) again += calls;
  EXPECT_GT(again, 0) << "the kill disturbed nobody";

  v1::CreateJobRequest other = RequestOf(7);
  other.mutable_spec()->set_output_dir("/out/elsewhere");
  EXPECT_EQ(ReasonOfRefusal(other), "REQUEST_ID_REUSED");
  other.clear_request_id();
  EXPECT_EQ(ReasonOfRefusal(other), "JOB_EXISTS");
  std::cout << "A15 duplicate_submit: " << kJobs * kCallers << " calls and "
            << again << " repeated after a kill -9 -> " << names.size()
            << " jobs\n";
}

}  // namespace
}  // namespace lockstep::testing
