#include "server/metrics/job_series.h"

#include <cmath>
#include <limits>
#include <map>

#include "gmock/gmock.h"
#include "tests/server/metrics/server_metrics_fixture.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::MetricPoint PointOf(int64_t seq, int64_t step,
                        const std::map<std::string, double>& values) {
  v1::MetricPoint point;
  point.set_seq(seq);
  point.set_step(step);
  point.mutable_values()->insert(values.begin(), values.end());
  return point;
}

class JobSeriesTest : public ServerMetricsTest {
 protected:
  JobSeriesTest() : job_(JobOf("a", v1::Job::RUNNING)) {
    job_.mutable_spec()->mutable_logging()->set_logging_steps(10);
    Begin(/*resume_step=*/0);
  }

  // Another attempt.
  void Begin(int64_t resume_step) {
    job_.add_attempts()->set_resume_step(resume_step);
    job_.set_attempt(job_.attempts_size());
    metrics_.JobSeen(job_);
  }

  void Store(const v1::MetricPoint& point) {
    metrics_.PointsStored(job_, job_.attempt(), {&point});
  }

  // Of the series of the job: after its name and labels.
  void ExpectLine(const std::string& series, const std::string& value) {
    EXPECT_THAT(Text(), HasSubstr("\n" + series + " " + value + "\n"));
  }

  v1::Job job_;
};

TEST_F(JobSeriesTest, CountsTheStepsBetweenPoints) {
  Store(PointOf(1, 10, {{"loss", 2}, {"samples", 80}, {"flops", 1e12}}));
  Store(PointOf(2, 20, {{"loss", 2}, {"samples", 80}, {"flops", 1e12}}));
  // The last step of a run is logged whatever its number.
  Store(PointOf(3, 23, {{"loss", 2}, {"samples", 24}, {"flops", 3e11}}));
  ExpectLine("lockstep_train_steps_total{job_id=\"a\"}", "23");
  ExpectLine("lockstep_train_samples_total{job_id=\"a\"}", "184");
  ExpectLine("lockstep_train_flops_total{job_id=\"a\"}", "2300000000000");
}

TEST_F(JobSeriesTest, CountsFromWhereAnAttemptGoesOn) {
  Store(PointOf(1, 10, {{"loss", 2}}));
  Begin(/*resume_step=*/5);
  Store(PointOf(1, 10, {{"loss", 2}}));
  // Ten, and five of them again.
  ExpectLine("lockstep_train_steps_total{job_id=\"a\"}", "15");
}

// As after a restart of lockstepd in the middle of an attempt.
TEST_F(JobSeriesTest, CountsNoStepsThatItHasNotSeen) {
  Store(PointOf(51, 510, {{"loss", 2}, {"forward_seconds", 0.5}}));
  ExpectLine("lockstep_train_steps_total{job_id=\"a\"}", "10");
  ExpectLine(
      "lockstep_train_phase_seconds_total{job_id=\"a\",phase=\"forward\"}",
      "5");
}

// It could not read the checkpoint that it was to go on from.
TEST_F(JobSeriesTest, AnAttemptMayGoOnFromAnEarlierStep) {
  Begin(/*resume_step=*/500);
  Store(PointOf(1, 410, {{"loss", 2}}));
  Store(PointOf(2, 420, {{"loss", 2}}));
  ExpectLine("lockstep_train_steps_total{job_id=\"a\"}", "20");
}

TEST_F(JobSeriesTest, GoesOnFromTheCheckpointOfAnotherJob) {
  job_.mutable_origin()->set_step(204);
  Store(PointOf(1, 210, {{"loss", 2}}));
  ExpectLine("lockstep_train_steps_total{job_id=\"a\"}", "6");
}

TEST_F(JobSeriesTest, AddsUpWhatStepsAreSpentOn) {
  const std::map<std::string, double> values = {
      {"tokens", 100},           {"data_seconds", 0.25},
      {"forward_seconds", 0.5},  {"backward_seconds", 1},
      {"comm_seconds", 0.125},   {"optimizer_seconds", 0.0625},
      {"checkpoint_seconds", 3}, {"mfu", 0.4375}};
  Store(PointOf(1, 10, values));
  Store(PointOf(2, 14, values));
  Store(PointOf(3, 14, {{"eval_loss", 3}, {"eval_seconds", 8}}));
  const std::pair<const char*, const char*> phases[] = {
      {"data", "3.5"},  {"forward", "7"},   {"backward", "14"},
      {"comm", "1.75"}, {"optim", "0.875"}, {"checkpoint", "6"},
      {"eval", "8"}};
  for (const auto& [phase, seconds] : phases) {
    ExpectLine(std::string(
                   "lockstep_train_phase_seconds_total{job_id=\"a\",phase=\"") +
                   phase + "\"}",
               seconds);
  }
  ExpectLine("lockstep_train_mfu_ratio{job_id=\"a\"}", "0.4375");
}

TEST_F(JobSeriesTest, TellsHowLongTrainingWaitsForCheckpoints) {
  Store(PointOf(1, 10, {{"loss", 2}, {"checkpoint_seconds", 0}}));
  EXPECT_THAT(Text(), Not(HasSubstr("lockstep_checkpoint_duration_seconds_")));
  Store(PointOf(2, 20, {{"loss", 2}, {"checkpoint_seconds", 2}}));
  Store(PointOf(3, 30, {{"loss", 2}, {"checkpoint_seconds", 601}}));
  ExpectLine(
      "lockstep_checkpoint_duration_seconds_bucket{job_id=\"a\",le=\"0.5\"}",
      "0");
  ExpectLine(
      "lockstep_checkpoint_duration_seconds_bucket{job_id=\"a\",le=\"10\"}",
      "1");
  ExpectLine(
      "lockstep_checkpoint_duration_seconds_bucket{job_id=\"a\",le=\"600\"}",
      "1");
  ExpectLine("lockstep_checkpoint_duration_seconds_count{job_id=\"a\"}", "2");
}

// What a counter takes it never loses.
TEST_F(JobSeriesTest, CountsNothingThatIsNoNumber) {
  const double infinity = std::numeric_limits<double>::infinity();
  Store(PointOf(1, 10, {{"loss", NAN}, {"tokens", 7}, {"flops", 1}}));
  int64_t seq = 1;
  for (const double bad : {double{NAN}, -infinity, infinity, -1.0}) {
    ++seq;
    Store(PointOf(seq, 10 * seq,
                  {{"loss", bad},
                   {"tokens", bad},
                   {"flops", bad},
                   {"step_seconds", bad},
                   {"eval_seconds", bad},
                   {"checkpoint_seconds", bad},
                   {"data_seconds", bad}}));
  }
  ExpectLine("lockstep_train_tokens_total{job_id=\"a\"}", "7");
  ExpectLine("lockstep_train_flops_total{job_id=\"a\"}", "1");
  // A gauge shows what is.
  EXPECT_THAT(Text(), HasSubstr("lockstep_train_loss{job_id=\"a\"} -1\n"));
  EXPECT_THAT(Text(), Not(HasSubstr("} NaN")));
  EXPECT_THAT(Text(), Not(HasSubstr("Inf\n")));
  // So it would be written, and so it is of a gauge.
  Store(PointOf(seq + 1, 10 * (seq + 1), {{"loss", NAN}}));
  EXPECT_THAT(Text(), HasSubstr("lockstep_train_loss{job_id=\"a\"} NaN\n"));
  Store(PointOf(seq + 2, 10 * (seq + 2), {{"loss", infinity}}));
  EXPECT_THAT(Text(), HasSubstr("lockstep_train_loss{job_id=\"a\"} +Inf\n"));
}

// A step may have no token to learn from.
TEST_F(JobSeriesTest, AStepWithoutALossCounts) {
  Store(PointOf(1, 10, {{"tokens", 100}}));
  ExpectLine("lockstep_train_step{job_id=\"a\"}", "10");
  EXPECT_THAT(Text(), Not(HasSubstr("lockstep_train_loss{")));
}

TEST_F(JobSeriesTest, ShowsWhatThePlanHas) {
  EXPECT_THAT(Text(), Not(HasSubstr("lockstep_train_steps_planned{")));
  job_.mutable_plan()->set_steps(1200);
  metrics_.JobSeen(job_);
  ExpectLine("lockstep_train_steps_planned{job_id=\"a\"}", "1200");
}

TEST_F(JobSeriesTest, ShowsTheNewestCheckpoint) {
  v1::Checkpoint checkpoint;
  checkpoint.set_size_bytes(4096);
  checkpoint.mutable_create_time()->set_seconds(1000);
  checkpoint.mutable_create_time()->set_nanos(500'000'000);
  metrics_.CheckpointListed("jobs/a", checkpoint);
  metrics_.CheckpointListed("jobs/unseen", checkpoint);
  ExpectLine("lockstep_train_last_checkpoint_timestamp_seconds{job_id=\"a\"}",
             "1000.5");
  ExpectLine("lockstep_checkpoint_bytes{job_id=\"a\"}", "4096");
  EXPECT_THAT(Text(), Not(HasSubstr("unseen")));
}

TEST_F(JobSeriesTest, SaysWhatTheJobIs) {
  v1::Job job = JobOf("b", v1::Job::RUNNING);
  job.set_owner("ann");
  job.mutable_spec()->set_name("support");
  job.mutable_spec()->mutable_model()->set_path("/secret/models/Qwen3-4B//");
  job.mutable_spec()->mutable_method()->mutable_full();
  metrics_.JobSeen(job);
  ExpectLine(
      "lockstep_job_info{job_id=\"b\",method=\"full\",model=\"Qwen3-4B\","
      "name=\"support\",user=\"ann\"}",
      "1");
  EXPECT_THAT(Text(), Not(HasSubstr("secret")));
  // One without a name of its own, and without a model.
  ExpectLine(
      "lockstep_job_info{job_id=\"a\",method=\"lora\",model=\"\",name=\"a\","
      "user=\"\"}",
      "1");
}

TEST_F(JobSeriesTest, EscapesWhatPeopleWrite) {
  v1::Job job = JobOf("b", v1::Job::RUNNING);
  job.set_owner("a\\n");
  job.mutable_spec()->mutable_model()->set_path("/m/\"x\"\n# HELP");
  metrics_.JobSeen(job);
  EXPECT_THAT(Text(),
              HasSubstr(R"(model="\"x\"\n# HELP",name="b",user="a\\n")"));
}

TEST_F(JobSeriesTest, LeavesNothingBehind) {
  Store(PointOf(1, 10,
                {{"loss", 2},
                 {"samples", 1},
                 {"flops", 1},
                 {"mfu", 0.5},
                 {"data_seconds", 1},
                 {"step_seconds", 1},
                 {"checkpoint_seconds", 1}}));
  metrics_.CheckpointListed("jobs/a", v1::Checkpoint());
  job_.set_state(v1::Job::SUCCEEDED);
  metrics_.JobSeen(job_);
  clock_.Advance(absl::Minutes(15));
  metrics_.RemoveEnded();
  EXPECT_THAT(Text(), Not(HasSubstr("job_id=\"a\"")));
}

}  // namespace
}  // namespace lockstep::testing
