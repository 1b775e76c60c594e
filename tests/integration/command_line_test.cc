// The command line with real training behind it: a job of one's own, here and
// now, and the log of one that trains.

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/long_run.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr LongRun kRun = {.steps = 60, .save_steps = 20};

class RunCommandTest : public ::testing::Test {
 protected:
  RunCommandTest() { EXPECT_NE(mkdtemp(folder_.data()), nullptr); }
  ~RunCommandTest() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const {
    return folder_ + "/" + name;
  }

  // A socket's path has at most 107 bytes, which a build folder may exceed.
  std::string folder_ = "/tmp/run-XXXXXX";
};

TEST_F(RunCommandTest, TrainsAndLeavesNothingButItsResult) {
  fs::create_directory(Path("tmp"));
  WriteFile(Path("job.yaml"), LongJob(Path("out"), kRun));

  const RunResult run =
      RunProgram({BinDir() + "/lockstep", "run", Path("job.yaml")},
                 {{"TMPDIR", Path("tmp")}});

  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(AdapterIn(Path("out")), UndisturbedAdapter(kRun));
  EXPECT_TRUE(fs::is_empty(Path("tmp"))) << "its folder is left";
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 3);
}

TEST_F(RunCommandTest, AJobThatFailsKeepsItsLogs) {
  fs::create_directory(Path("tmp"));
  WriteFile(Path("job.yaml"), LongJob(Path("out"), {.model = "/models/none"}));

  const RunResult run =
      RunProgram({BinDir() + "/lockstep", "run", Path("job.yaml")},
                 {{"TMPDIR", Path("tmp")}});

  EXPECT_EQ(run.exit_code, 10) << run.err;
  EXPECT_THAT(run.err, HasSubstr("/models/none"));
  EXPECT_THAT(run.err, HasSubstr("are kept in " + Path("tmp")));
  EXPECT_FALSE(fs::is_empty(Path("tmp")));
  EXPECT_FALSE(fs::exists(Path("out")));
}

// Begun while it trains; ends when it does.
TEST(LogsCommandTest, FollowsTheLogOfATrainingJobToItsEnd) {
  TestCluster cluster;
  SubmitDetached(cluster, "job", LongJob(cluster.Path("out"), kRun));
  ASSERT_TRUE(TrainedPast(cluster, "job", 1));

  const RunResult logs = cluster.Lockstep({"logs", "job", "-f"});

  ASSERT_EQ(logs.exit_code, 0) << logs.err;
  const v1::Job job = cluster.WaitForState("job", v1::Job::SUCCEEDED);
  const std::string log = ReadFile(cluster.Path(
      absl::StrCat("state/jobs/", job.uid(), "/attempt-1/rank-0.log")));
  EXPECT_FALSE(log.empty());
  EXPECT_EQ(logs.out, log);
}

}  // namespace
}  // namespace lockstep::testing
