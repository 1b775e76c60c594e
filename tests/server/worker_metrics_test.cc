#include "server/worker_metrics.h"

#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/text_serializer.h"
#include "tests/testing/fake_clock.h"

namespace lockstep {
namespace {

using ::lockstep::testing::FakeClock;
using ::testing::HasSubstr;
using ::testing::Not;

class WorkerMetricsTest : public ::testing::Test {
 protected:
  std::string Page() {
    return prometheus::TextSerializer().Serialize(
        WorkerMetrics(clock_, [this] { return watch_.Ranks(); }).Collect());
  }

  void Hear(int rank, worker::v1::Phase phase) {
    worker::v1::HeartbeatRequest heartbeat;
    heartbeat.mutable_caller()->set_job("jobs/a");
    heartbeat.mutable_caller()->set_attempt(1);
    heartbeat.mutable_caller()->set_rank(rank);
    heartbeat.set_phase(phase);
    watch_.Hear(heartbeat, clock_.Now());
  }

  FakeClock clock_;
  SchedulerOptions options_;
  RankWatch watch_{options_};
};

TEST_F(WorkerMetricsTest, ThereAreNoneAtFirst) {
  const std::string page = Page();
  EXPECT_THAT(page, HasSubstr("lockstep_workers{state=\"training\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("lockstep_workers{state=\"silent\"} 0\n"));
  EXPECT_THAT(page, Not(HasSubstr("heartbeat")));
}

TEST_F(WorkerMetricsTest, CountsRanksByWhatTheyDo) {
  watch_.Open({"jobs/a", 1}, /*ranks=*/5, clock_.Now());
  Hear(0, worker::v1::PHASE_TRAINING);
  Hear(1, worker::v1::PHASE_TRAINING);
  Hear(2, worker::v1::PHASE_SAVING);
  Hear(3, worker::v1::PHASE_EXPORTING);
  worker::v1::Caller caller;
  caller.set_job("jobs/a");
  caller.set_attempt(1);
  caller.set_rank(3);
  watch_.Leave(caller);
  const std::string page = Page();
  for (const char* line : {"lockstep_workers{state=\"training\"} 2\n",
                           "lockstep_workers{state=\"saving\"} 1\n",
                           "lockstep_workers{state=\"left\"} 1\n",
                           "lockstep_workers{state=\"exporting\"} 0\n",
                           "lockstep_workers{state=\"joined\"} 1\n"}) {
    EXPECT_THAT(page, HasSubstr(line));
  }
}

TEST_F(WorkerMetricsTest, TellsWhenEachWasHeard) {
  watch_.Open({"jobs/a", 1}, /*ranks=*/2, clock_.Now());
  const double begin =
      absl::ToDoubleSeconds(clock_.WallTime() - absl::UnixEpoch());
  clock_.Advance(absl::Seconds(4));
  Hear(1, worker::v1::PHASE_TRAINING);
  clock_.Advance(absl::Seconds(2));

  const auto families =
      WorkerMetrics(clock_, [this] { return watch_.Ranks(); }).Collect();

  ASSERT_EQ(families.size(), 2);
  EXPECT_EQ(families[1].name, "lockstep_worker_heartbeat_timestamp_seconds");
  ASSERT_EQ(families[1].metric.size(), 2);
  EXPECT_EQ(families[1].metric[0].gauge.value, begin);
  EXPECT_EQ(families[1].metric[1].gauge.value, begin + 4);
  ASSERT_EQ(families[1].metric[1].label.size(), 2);
  EXPECT_EQ(families[1].metric[1].label[0].value, "a");
  EXPECT_EQ(families[1].metric[1].label[1].value, "1");
}

TEST_F(WorkerMetricsTest, CountsSilentOnesApart) {
  watch_.Open({"jobs/a", 1}, /*ranks=*/2, clock_.Now());
  Hear(0, worker::v1::PHASE_TRAINING);
  Hear(1, worker::v1::PHASE_TRAINING);
  watch_.Look(clock_.Now());
  // In small steps: a look after a long time is none.
  for (absl::Duration past; past <= SilenceOf(options_);
       past += options_.tick) {
    clock_.Advance(options_.tick);
    Hear(0, worker::v1::PHASE_TRAINING);
    watch_.Look(clock_.Now());
  }
  EXPECT_THAT(Page(), HasSubstr("lockstep_workers{state=\"training\"} 1\n"));
  EXPECT_THAT(Page(), HasSubstr("lockstep_workers{state=\"silent\"} 1\n"));
}

TEST_F(WorkerMetricsTest, ForgetsAnAttemptThatHasEnded) {
  watch_.Open({"jobs/a", 1}, /*ranks=*/1, clock_.Now());
  EXPECT_THAT(Page(), HasSubstr("job_id=\"a\""));
  watch_.Close({"jobs/a", 1});
  EXPECT_THAT(Page(), Not(HasSubstr("job_id=\"a\"")));
}

TEST_F(WorkerMetricsTest, TellsWhichHoldTheOthersUp) {
  watch_.Open({"jobs/a", 1}, /*ranks=*/2, clock_.Now());
  watch_.Open({"jobs/b", 1}, /*ranks=*/1, clock_.Now());
  EXPECT_THAT(Page(), Not(HasSubstr("slowdown")));
  for (const auto& [job, rank] :
       {std::pair("jobs/a", 0), {"jobs/a", 1}, {"jobs/b", 0}}) {
    worker::v1::Caller caller;
    caller.set_job(job);
    caller.set_attempt(1);
    caller.set_rank(rank);
    MetricPoints points;
    v1::MetricPoint& point = *points.Add();
    point.set_rank(rank);
    point.set_step(1);
    for (const char* key : {"data_seconds", "forward_seconds",
                            "backward_seconds", "optimizer_seconds"}) {
      (*point.mutable_values())[key] = rank == 1 ? 0.75 : 0.5;
    }
    watch_.HearPoints(caller, points);
  }
  EXPECT_THAT(
      Page(),
      HasSubstr("lockstep_rank_slowdown_ratio{job_id=\"a\",rank=\"0\"} 1\n"
                "lockstep_rank_slowdown_ratio{job_id=\"a\",rank=\"1\"} "
                "1.5\n"));
  EXPECT_THAT(Page(), Not(HasSubstr("slowdown_ratio{job_id=\"b\"")));
}

}  // namespace
}  // namespace lockstep
