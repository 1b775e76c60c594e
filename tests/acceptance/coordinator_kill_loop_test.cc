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

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/acceptance/length.h"
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

// A job that trains all the while.
struct Watched {
  Watched(TestCluster& cluster, const std::string& id)
      : id(id), reader(cluster, id) {
    SubmitDetached(cluster, id, LongJob(cluster.Path("out-" + id), kRun));
  }

  std::string id;
  Reader reader;
  std::vector<int64_t> pids;
};

class CoordinatorKillLoopTest : public ::testing::Test {
 protected:
  void Start() {
    for (int i = 0; i < jobs_; ++i) {
      Watched& job =
          watched_.emplace_back(cluster_, absl::StrCat("job-", i + 1));
      ASSERT_TRUE(job.reader.ReadTo(1)) << cluster_.daemon_log();
      job.pids = PidsOf(cluster_.GetJob(job.id));
      ASSERT_THAT(job.pids, SizeIs(2));
    }
  }

  void KillAndStartDaemon() {
    cluster_.KillDaemon();
    for (const Watched& job : watched_) {
      for (const int64_t pid : job.pids) {
        ASSERT_EQ(kill(static_cast<pid_t>(pid), 0), 0)
            << "a rank of " << job.id << " is gone";
      }
    }
    cluster_.StartDaemon();
  }

  // Trained by the processes that began it.
  void ExpectUndisturbed(const Watched& watched) {
    const v1::Job job = cluster_.GetJob(watched.id);
    // Its ranks may have trained a step before their first report was on disk.
    ASSERT_THAT(job.state(), AnyOf(v1::Job::STARTING, v1::Job::RUNNING))
        << cluster_.daemon_log();
    ASSERT_EQ(PidsOf(job), watched.pids);
  }

  // Every point was read, and there was but one attempt.
  void ExpectWholeWhenCancelled(Watched& watched) {
    Reader& reader = watched.reader;
    ASSERT_TRUE(reader.ReadTo(reader.newest_step() + 1));
    ASSERT_EQ(cluster_.Lockstep({"jobs", "cancel", watched.id}).exit_code, 0);
    // The stream ends with the job.
    EXPECT_FALSE(reader.ReadTo(kRun.steps + 1));

    const v1::Job job = cluster_.GetJob(watched.id);
    EXPECT_EQ(job.state(), v1::Job::CANCELLED) << job.error().message();
    EXPECT_THAT(job.attempts(), SizeIs(1));
    EXPECT_EQ(job.restarts(), 0);
    EXPECT_THAT(reader.steps(), SizeIs(reader.newest_step()));
  }

  const int jobs_ = LengthOfTest(/*usual=*/1, /*full=*/4);
  Chance chance_{SeedOfTest()};
  TestCluster cluster_{/*cpu_slots=*/2 * jobs_};
  std::vector<Watched> watched_;
};

TEST_F(CoordinatorKillLoopTest, TrainingGoesOnAndNoPointIsLostOrSeenTwice) {
  ASSERT_NO_FATAL_FAILURE(Start());

  for (int i = 0; i < kKills; ++i) {
    SCOPED_TRACE("kill " + std::to_string(i + 1));
    for (Watched& job : watched_) {
      const int64_t next =
          job.reader.newest_step() + 1 + chance_.Below(kMostStepsBetween);
      ASSERT_TRUE(job.reader.ReadTo(next)) << cluster_.daemon_log();
    }
    ASSERT_NO_FATAL_FAILURE(KillAndStartDaemon());
    for (const Watched& job : watched_) {
      ASSERT_NO_FATAL_FAILURE(ExpectUndisturbed(job)) << job.id;
    }
  }

  int64_t points = 0;
  for (Watched& job : watched_) {
    ASSERT_NO_FATAL_FAILURE(ExpectWholeWhenCancelled(job)) << job.id;
    points += job.reader.points();
  }
  std::cout << "A03 coordinator_kill_loop: " << kKills << " kills under "
            << jobs_ << (jobs_ == 1 ? " job" : " jobs") << ", 0 restarts, "
            << points << " points read once each\n";
}

}  // namespace
}  // namespace lockstep::testing
