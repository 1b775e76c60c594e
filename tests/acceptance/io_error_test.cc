// A10: a disk that breaks under the store. Nothing is acknowledged from then
// on, the coordinator ends with an error instead of staying up without a store,
// and the next one has every acknowledged job and the workers that trained on.

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "tests/acceptance/api_calls.h"
#include "tests/acceptance/metric_reader.h"
#include "tests/integration/long_run.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// It is cancelled long before.
constexpr LongRun kRun = {.steps = 1'000'000, .save_steps = 1'000'000};

class IoErrorTest : public ::testing::Test {
 protected:
  IoErrorTest() { EXPECT_NE(mkdtemp(folder_.data()), nullptr); }
  ~IoErrorTest() override { fs::remove_all(folder_); }

  void BreakDisk() { WriteFile(Flag(), ""); }
  void MendDisk() { fs::remove(Flag()); }
  std::string Flag() const { return folder_ + "/broken"; }

  std::string folder_ = ::testing::TempDir() + "/disk-XXXXXX";
};

TEST_F(IoErrorTest, NothingIsAcknowledgedAndTheNextStartHasItAll) {
  TestCluster cluster(
      /*cpu_slots=*/2, /*flags=*/{}, BinDir(),
      {"env", std::string("LD_PRELOAD=") + LOCKSTEP_BROKEN_DISK_LIBRARY,
       "LOCKSTEP_BROKEN_DISK=" + Flag()});
  SubmitDetached(cluster, "long", LongJob(cluster.Path("out"), kRun));
  MetricReader reader(cluster, "long");
  ASSERT_TRUE(reader.ReadTo(1)) << cluster.daemon_log();
  const std::vector<int64_t> pids = PidsOf(cluster.GetJob("long"));
  const auto jobs = cluster.Connect();
  ASSERT_TRUE(CreateWaitingJob(*jobs, "before", "long").ok());

  BreakDisk();
  const grpc::Status refused = CreateWaitingJob(*jobs, "during", "long");
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(refused.error_message(), HasSubstr("disk I/O error"));
  EXPECT_EQ(cluster.WaitForDaemonEnd(), 1);
  EXPECT_THAT(cluster.daemon_log(),
              HasSubstr("the job store cannot be written: disk I/O error"));

  MendDisk();
  const auto begin = std::chrono::steady_clock::now();
  cluster.StartDaemon();
  ASSERT_TRUE(CreateWaitingJob(*jobs, "after", "long").ok());
  const std::chrono::duration<double> back =
      std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(cluster.GetJob("before").state(), v1::Job::QUEUED);
  ASSERT_TRUE(reader.ReadTo(reader.newest_step() + 1)) << cluster.daemon_log();
  const v1::Job job = cluster.GetJob("long");
  EXPECT_EQ(PidsOf(job), pids);
  EXPECT_THAT(job.attempts(), SizeIs(1));
  EXPECT_LT(back.count(), 5);
  std::cout << "A10 io_error: every acknowledged job is there, and the store "
               "back "
            << back.count() << " s after the start\n";
}

}  // namespace
}  // namespace lockstep::testing
