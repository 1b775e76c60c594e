#include "server/simulate/replay.h"

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/scheduler/queue_policy.h"
#include "server/simulate/report.h"
#include "server/simulate/simulate_command.h"
#include "tests/integration/process.h"
#include "tests/testing/temp_dir.h"

namespace lockstep {
namespace {

using ::lockstep::testing::RunProgram;
using ::lockstep::testing::ScopedTempDir;
using ::testing::HasSubstr;

TraceJob JobOf(int submitted, int minutes, int devices,
               const std::string& owner = "local") {
  return {.submitted = absl::Minutes(submitted),
          .duration = absl::Minutes(minutes),
          .devices = devices,
          .timeout = absl::Minutes(minutes),
          .queue = "default",
          .owner = owner};
}

Replay Play(const std::vector<TraceJob>& trace, bool fifo = false) {
  auto replay = ReplayTrace(trace, {.nodes = 1, .gpus = 4}, QueuePolicy(!fifo),
                            fifo ? Shares::kNone : Shares::kFair);
  EXPECT_TRUE(replay.ok()) << replay.status();
  return *std::move(replay);
}

TEST(ReplayTest, SmallJobsPassALargeOneThatTheyDoNotDelay) {
  const std::vector<TraceJob> trace = {JobOf(0, 10, 3), JobOf(1, 5, 4),
                                       JobOf(2, 8, 1), JobOf(2, 9, 1)};

  const Replay policy = Play(trace);
  EXPECT_EQ(policy.jobs[1].waited, absl::Minutes(9));
  EXPECT_EQ(policy.jobs[2].waited, absl::ZeroDuration());
  // The device is free again when the large one starts.
  EXPECT_EQ(policy.jobs[3].waited, absl::Minutes(13));
  EXPECT_EQ(policy.makespan, absl::Minutes(24));

  const Replay fifo = Play(trace, /*fifo=*/true);
  EXPECT_EQ(fifo.jobs[1].waited, absl::Minutes(9));
  EXPECT_EQ(fifo.jobs[2].waited, absl::Minutes(13));
}

TEST(ReplayTest, ATimeLimitEndsAJob) {
  std::vector<TraceJob> trace = {JobOf(0, 10, 4)};
  trace[0].timeout = absl::Minutes(3);
  EXPECT_EQ(Play(trace).makespan, absl::Minutes(3));
}

TEST(ReplayTest, WhoHadLessGoesFirst) {
  const std::vector<TraceJob> trace = {
      JobOf(0, 60, 4, "ann"), JobOf(1, 60, 4, "ann"), JobOf(2, 60, 4, "bob")};
  const Replay policy = Play(trace);
  EXPECT_EQ(policy.jobs[2].waited, absl::Minutes(58));
  EXPECT_EQ(policy.jobs[1].waited, absl::Minutes(119));
  const Replay fifo = Play(trace, /*fifo=*/true);
  EXPECT_EQ(fifo.jobs[1].waited, absl::Minutes(59));
}

TEST(ReplayTest, AJobThatNeverFitsIsRefused) {
  const absl::Status status =
      ReplayTrace({JobOf(0, 1, 5)}, {.nodes = 1, .gpus = 4}, QueuePolicy(),
                  Shares::kFair)
          .status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("devices 5 of the job submitted at 0 s is more than "
                        "the 4"));
}

TEST(ReportTest, CountsDeviceTimeWaitsAndOwners) {
  const std::vector<TraceJob> trace = {
      JobOf(0, 10, 4, "ann"), JobOf(0, 10, 2, "bob"), JobOf(0, 10, 1, "bob")};
  const ReplayFacts facts =
      FactsOf(trace, Play(trace, /*fifo=*/true), {.nodes = 1, .gpus = 4});
  EXPECT_DOUBLE_EQ(facts.utilization, 70.0 / 80.0);
  EXPECT_EQ(facts.mean_wait.at(4), absl::ZeroDuration());
  EXPECT_EQ(facts.mean_wait.at(1), absl::Minutes(10));
  // One had all of the time, the other half of it: 1.5^2 / (2 * 1.25).
  EXPECT_DOUBLE_EQ(facts.fairness, 0.9);
}

// The committed script's trace of ten thousand jobs.
TEST(SimulateTest, ServesSmallJobsInHalfTheTimeAndWastesNothing) {
  const auto made =
      RunProgram({"/usr/bin/env", "python3",
                  absl::StrCat(std::getenv("LOCKSTEP_SOURCE_DIR"),
                               "/tests/testdata/traces/make_trace.py")});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  std::istringstream lines(made.out);
  const auto trace = ReadTrace(lines);
  ASSERT_TRUE(trace.ok()) << trace.status();
  ASSERT_EQ(trace->size(), 10'000);
  const SimulatedCluster cluster{.nodes = 8, .gpus = 8};

  const auto policy =
      ReplayTrace(*trace, cluster, QueuePolicy(), Shares::kFair);
  const auto fifo = ReplayTrace(*trace, cluster,
                                QueuePolicy(/*backfill=*/false), Shares::kNone);
  const ReplayFacts ours = FactsOf(*trace, *policy, cluster);
  const ReplayFacts theirs = FactsOf(*trace, *fifo, cluster);

  std::cout << ReportOf(*trace, ours, theirs);
  EXPECT_GE(ours.utilization, theirs.utilization);
  EXPECT_LE(ours.mean_wait.at(1), theirs.mean_wait.at(1) / 2);
  // Owners who submit most wait longest, which is not what the index rewards.
  EXPECT_GT(ours.fairness, 0.95);
  // Somebody waited at all.
  EXPECT_GT(theirs.mean_wait.at(1), absl::Minutes(1));
}

TEST(SimulateTest, TheCommandPrintsBothSideBySide) {
  ScopedTempDir dir;
  std::ofstream(dir.Path("trace.csv"))
      << "submit_time,duration,devices\n0,60,1\n";
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(RunSimulate({"--trace", dir.Path("trace.csv")}, out, err), 0)
      << err.str();
  EXPECT_THAT(out.str(), HasSubstr("1 job\n"));
  EXPECT_THAT(out.str(), HasSubstr("utilization"));
}

TEST(SimulateTest, TheCommandSaysWhatIsWrong) {
  ScopedTempDir dir;
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(RunSimulate({}, out, err), 2);
  EXPECT_THAT(err.str(), HasSubstr("--trace is required"));
  EXPECT_EQ(RunSimulate({"--trace", "x", "--gpus", "0"}, out, err), 2);
  EXPECT_EQ(RunSimulate({"--trace", dir.Path("none")}, out, err), 1);
  EXPECT_THAT(err.str(), HasSubstr("No such file"));
  std::ofstream(dir.Path("bad.csv"))
      << "submit_time,duration,devices\n0,60,x\n";
  EXPECT_EQ(RunSimulate({"--trace", dir.Path("bad.csv")}, out, err), 1);
  EXPECT_THAT(err.str(), HasSubstr("bad.csv: line 2: devices \"x\" is not"));
}

}  // namespace
}  // namespace lockstep
