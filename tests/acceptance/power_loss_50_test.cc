// A02: the power fails under load. What is left of the job store is what was
// synced, and every acknowledged job is in it.

#include <atomic>
#include <filesystem>
#include <iostream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "tests/acceptance/api_calls.h"
#include "tests/acceptance/length.h"
#include "tests/acceptance/seed.h"
#include "tests/integration/long_run.h"
#include "tests/integration/test_cluster.h"
#include "tests/testing/temp_dir.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::IsSubsetOf;

constexpr int kCallers = 4;
constexpr int kMostJobsBetween = 60;

class PowerLossTest : public ::testing::Test {
 protected:
  // Callers submit until one of them has no coordinator any more; the power
  // fails when `jobs` more are acknowledged.
  void LosePowerAfter(int jobs) {
    std::vector<std::thread> callers;
    callers.reserve(kCallers);
    for (int caller = 0; caller < kCallers; ++caller) {
      callers.emplace_back([this] { SubmitWhileThereIsPower(); });
    }
    {
      const auto enough = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
        return acknowledged_.size() >= at_start_ + jobs;
      };
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(&enough));
    }
    cluster_.TerminateDaemon();
    for (std::thread& caller : callers) caller.join();
  }

  void SubmitWhileThereIsPower() {
    const auto jobs = cluster_.Connect();
    while (true) {
      const std::string id = absl::StrCat("job-", ++newest_);
      v1::Job job;
      const grpc::Status status = CreateOnce(*jobs, id);
      if (!status.ok()) {
        EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE)
            << status.error_message();
        return;
      }
      absl::MutexLock lock(&mu_);
      acknowledged_.insert("jobs/" + id);
    }
  }

  // A coordinator that is gone is not waited for.
  static grpc::Status CreateOnce(v1::JobService::Stub& jobs,
                                 const std::string& id) {
    grpc::ClientContext context;
    v1::Job job;
    return jobs.CreateJob(&context, WaitingJobRequest(id, "first"), &job);
  }

  void StartFromDisk() {
    const std::string store = cluster_.Path("state/lockstep.db");
    for (const char* suffix : {"", "-wal", "-shm"}) {
      fs::remove(store + suffix);
      const std::string left = disk_.Path(absl::StrCat("lockstep.db", suffix));
      if (fs::exists(left)) fs::copy_file(left, store + suffix);
    }
    cluster_.StartDaemon();
  }

  std::set<std::string> Stored() {
    const std::vector<std::string> names = NamesOfJobs(*cluster_.Connect());
    return {names.begin(), names.end()};
  }

  ScopedTempDir disk_;
  Chance chance_{SeedOfTest()};
  TestCluster cluster_{/*cpu_slots=*/2,
                       /*flags=*/{},
                       BinDir(),
                       {LOCKSTEP_TRACER, disk_.path(), ::testing::TempDir()}};
  std::atomic<int> newest_ = 0;
  absl::Mutex mu_;
  std::set<std::string> acknowledged_ ABSL_GUARDED_BY(mu_);
  size_t at_start_ = 0;
};

TEST_F(PowerLossTest, WhatIsOnDiskHasEveryAcknowledgedJob) {
  const int losses = LengthOfTest(/*usual=*/8, /*full=*/50);
  SubmitDetached(cluster_, "first", LongJob(cluster_.Path("first")));
  ASSERT_EQ(cluster_.Lockstep({"jobs", "pause", "first"}).exit_code, 0);
  cluster_.WaitForState("first", v1::Job::PAUSED);
  size_t more = 0;
  for (int i = 0; i < losses; ++i) {
    SCOPED_TRACE(absl::StrCat("loss ", i + 1));
    LosePowerAfter(1 + static_cast<int>(chance_.Below(kMostJobsBetween)));
    ASSERT_NO_FATAL_FAILURE(StartFromDisk());
    const std::set<std::string> stored = Stored();
    absl::MutexLock lock(&mu_);
    EXPECT_THAT(acknowledged_, IsSubsetOf(stored));
    EXPECT_EQ(stored.count("jobs/first"), 1);
    if (HasFailure()) return;
    more = stored.size() - 1 - acknowledged_.size();
    at_start_ = acknowledged_.size();
  }
  std::cout << "A02 power_loss_50: " << losses << " losses of power, "
            << at_start_ << " acknowledged jobs, all on disk, and " << more
            << " that nobody was told of\n";
}

}  // namespace
}  // namespace lockstep::testing
