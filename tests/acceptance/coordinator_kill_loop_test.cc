// A03: the coordinator is killed again and again, and training does not notice:
// the same processes, no restart, and whoever reads the metrics from a cursor
// sees each point once.

#include <signal.h>

#include <iostream>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/acceptance/seed.h"
#include "tests/integration/long_run.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

using ::testing::AnyOf;
using ::testing::SizeIs;

constexpr int kKills = 20;
constexpr int kMostStepsBetween = 40;
// More than all kills take on any machine; it is cancelled then.
constexpr LongRun kRun = {.steps = 1'000'000, .save_steps = 20};

// Whoever reads a job's metrics, from one coordinator to the next.
class Reader {
 public:
  Reader(TestCluster& cluster, std::string id)
      : cluster_(cluster), id_(std::move(id)) {}

  // Until a point of this step is read; false when the stream ended before.
  bool ReadTo(int64_t step) {
    return cluster_.FollowMetricsFrom(
        id_, cursor_, [&](const v1::MetricPoint& point) {
          const int64_t next = ++newest_[{point.attempt(), point.rank()}];
          EXPECT_EQ(point.seq(), next)
              << "attempt " << point.attempt() << " rank " << point.rank();
          steps_.insert(point.step());
          return point.step() >= step;
        });
  }

  int64_t points() const {
    int64_t sum = 0;
    for (const auto& [rank, seq] : newest_) sum += seq;
    return sum;
  }
  int64_t newest_step() const { return steps_.empty() ? 0 : *steps_.rbegin(); }
  const std::set<int64_t>& steps() const { return steps_; }

 private:
  TestCluster& cluster_;
  const std::string id_;
  std::string cursor_;
  // By attempt and rank: seq counts from 1.
  std::map<std::pair<int, int>, int64_t> newest_;
  std::set<int64_t> steps_;
};

std::vector<int64_t> PidsOf(const v1::Job& job) {
  std::vector<int64_t> pids;
  for (const v1::RankPlacement& rank : job.attempts(0).ranks()) {
    pids.push_back(rank.pid());
  }
  return pids;
}

TEST(CoordinatorKillLoopTest, TrainingGoesOnAndNoPointIsLostOrSeenTwice) {
  Chance chance(SeedOfTest());
  TestCluster cluster;
  SubmitDetached(cluster, "job", LongJob(cluster.Path("out"), kRun));
  Reader reader(cluster, "job");
  ASSERT_TRUE(reader.ReadTo(1)) << cluster.daemon_log();
  const std::vector<int64_t> pids = PidsOf(cluster.GetJob("job"));
  ASSERT_THAT(pids, SizeIs(2));

  for (int i = 0; i < kKills; ++i) {
    SCOPED_TRACE("kill " + std::to_string(i + 1));
    const int64_t next =
        reader.newest_step() + 1 + chance.Below(kMostStepsBetween);
    ASSERT_TRUE(reader.ReadTo(next)) << cluster.daemon_log();
    cluster.KillDaemon();
    for (const int64_t pid : pids) {
      ASSERT_EQ(kill(static_cast<pid_t>(pid), 0), 0) << "a rank is gone";
    }
    cluster.StartDaemon();
    const v1::Job job = cluster.GetJob("job");
    // Its ranks may have trained a step before their first report was on disk.
    ASSERT_THAT(job.state(), AnyOf(v1::Job::STARTING, v1::Job::RUNNING))
        << cluster.daemon_log();
    ASSERT_EQ(PidsOf(job), pids);
  }
  ASSERT_TRUE(reader.ReadTo(reader.newest_step() + 1));
  ASSERT_EQ(cluster.Lockstep({"jobs", "cancel", "job"}).exit_code, 0);
  // The stream ends with the job.
  EXPECT_FALSE(reader.ReadTo(kRun.steps + 1));

  const v1::Job job = cluster.GetJob("job");
  EXPECT_EQ(job.state(), v1::Job::CANCELLED) << job.error().message();
  EXPECT_THAT(job.attempts(), SizeIs(1));
  EXPECT_EQ(job.restarts(), 0);
  EXPECT_THAT(reader.steps(), SizeIs(reader.newest_step()));
  std::cout << "A03 coordinator_kill_loop: " << kKills << " kills, 0 restarts, "
            << reader.points() << " points read once each\n";
}

}  // namespace
}  // namespace lockstep::testing
