// A03: the coordinator is killed again and again, and training does not notice:
// the same processes, no restart, and whoever reads the metrics or the log from
// a cursor, or watches the job, sees each point, byte and change once.

#include <signal.h>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/acceptance/api_calls.h"
#include "tests/acceptance/change_reader.h"
#include "tests/acceptance/length.h"
#include "tests/acceptance/log_reader.h"
#include "tests/acceptance/metric_reader.h"
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

// A job that trains all the while.
struct Watched {
  Watched(TestCluster& cluster, const std::string& id)
      : id(id), reader(cluster, id) {
    SubmitDetached(cluster, id, LongJob(cluster.Path("out-" + id), kRun));
    changes = std::make_unique<ChangeReader>(cluster, id);
  }
  // Once it trains, so that there is a log.
  void ReadOn(const TestCluster& cluster) {
    log = std::make_unique<LogReader>(cluster, id);
  }

  std::string id;
  MetricReader reader;
  std::unique_ptr<ChangeReader> changes;
  std::unique_ptr<LogReader> log;
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
      job.ReadOn(cluster_);
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
    MetricReader& reader = watched.reader;
    ASSERT_TRUE(reader.ReadTo(reader.newest_step() + 1));
    ASSERT_EQ(cluster_.Lockstep({"jobs", "cancel", watched.id}).exit_code, 0);
    // The stream ends with the job.
    EXPECT_FALSE(reader.ReadTo(kRun.steps + 1));

    const v1::Job job = cluster_.GetJob(watched.id);
    EXPECT_EQ(job.state(), v1::Job::CANCELLED) << job.error().message();
    EXPECT_THAT(job.attempts(), SizeIs(1));
    EXPECT_EQ(job.restarts(), 0);
    EXPECT_THAT(reader.steps(), SizeIs(reader.newest_step()));
    ExpectAllRead(watched, job);
  }

  // Those who were there all the time.
  void ExpectAllRead(Watched& watched, const v1::Job& job) {
    const std::string log = watched.log->Finish();
    EXPECT_EQ(log, ReadFile(absl::StrCat(cluster_.Path("state/jobs/"),
                                         job.uid(), "/attempt-1/rank-0.log")));
    EXPECT_FALSE(log.empty());
    log_bytes_ += log.size();
    const std::vector<int64_t> changes = watched.changes->Finish();
    EXPECT_EQ(changes, JournalOf(job.name(), changes.back()));
    changes_ += changes.size();
  }

  // The sequence numbers of a job's events, up to one.
  std::vector<int64_t> JournalOf(const std::string& job, int64_t last) {
    const auto jobs = cluster_.Connect();
    std::vector<int64_t> sequences;
    v1::ListEventsRequest request;
    request.set_name(job);
    request.set_page_size(1000);
    do {
      grpc::ClientContext context;
      context.set_wait_for_ready(true);
      v1::ListEventsResponse page;
      EXPECT_TRUE(jobs->ListEvents(&context, request, &page).ok());
      for (const v1::Event& event : page.events()) {
        if (event.sequence() <= last) sequences.push_back(event.sequence());
      }
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return sequences;
  }

  const int jobs_ = LengthOfTest(/*usual=*/1, /*full=*/4);
  Chance chance_{SeedOfTest()};
  TestCluster cluster_{/*cpu_slots=*/2 * jobs_};
  std::vector<Watched> watched_;
  size_t log_bytes_ = 0;
  size_t changes_ = 0;
};

TEST_F(CoordinatorKillLoopTest, TrainingGoesOnAndNothingIsLostOrSeenTwice) {
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
            << points << " points, " << changes_ << " changes and "
            << log_bytes_ << " bytes of logs read once each\n";
}

}  // namespace
}  // namespace lockstep::testing
