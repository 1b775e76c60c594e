// A job that goes on from another one's checkpoint, on as many ranks or on
// others.

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/worker/train/resume_job.h"
#include "tests/worker/train/training_fixture.h"
#include "worker/io/checkpoint.h"
#include "worker/train/rank_end.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr int64_t kSteps = 13;
// Of the first job: two ranks, twice.
constexpr int64_t kBins = 4;

class StartFromTest : public ::testing::Test {
 protected:
  StartFromTest() : job_(ResumeJob(outputs_.Path("first"), kSteps)) {
    first_ = job_->MustRun(first_coordinator_)[0].values;
    job_->spec().set_output_dir(outputs_.Path("second"));
  }

  // The second job goes on from where the first was after `step` steps.
  void StartFrom(int64_t step, bool inexact) {
    v1::Checkpoint& origin = *job_->job.mutable_origin();
    origin = first_coordinator_.checkpoints()[step - 1];
    origin.set_name("jobs/first/checkpoints/" + std::to_string(step));
    job_->spec().mutable_checkpoint()->set_inexact(inexact);
  }
  std::vector<std::string> EventTypes() const {
    std::vector<std::string> types;
    for (const v1::Event& event : coordinator_.events()) {
      types.push_back(event.type());
    }
    return types;
  }
  TrainerPosition LastPosition() const {
    return Checkpoint::Open(coordinator_.checkpoints().back().path())
        ->state()
        .position;
  }

  ScopedTempDir outputs_;
  std::unique_ptr<TrainingFixture> job_;
  FakeCoordinator first_coordinator_;
  at::Tensor first_;
  FakeCoordinator coordinator_;
};

TEST_F(StartFromTest, OnAsManyRanksItEndsInTheSameBits) {
  StartFrom(5, /*inexact=*/false);

  const std::vector<RankOutcome> outcomes = job_->MustRun(coordinator_);

  for (const RankOutcome& outcome : outcomes) {
    EXPECT_EQ(outcome.resumed_step, 5);
    EXPECT_TRUE(at::equal(outcome.values, first_));
  }
  EXPECT_THAT(EventTypes(), ElementsAre("STARTED_FROM"));
  EXPECT_EQ(coordinator_.checkpoints().front().step(), 6);
  // Its history begins with itself.
  EXPECT_EQ(TimelessRows(outputs_.Path("second")).front().at("step"), 6);
}

TEST_F(StartFromTest, OnOtherRanksItIsRefusedByName) {
  StartFrom(5, /*inexact=*/false);
  job_->SetSteps(kSteps, kBins, /*ranks=*/1, /*accumulation=*/4);

  const std::vector<RankOutcome> outcomes = job_->Run(coordinator_);

  EXPECT_EQ(EndOfRank(outcomes[0].status).cause, v1::Attempt::INPUT_CHANGED);
  EXPECT_THAT(outcomes[0].status.ToString(),
              HasSubstr("world_size was 2, is 1"));
  EXPECT_THAT(coordinator_.checkpoints(), IsEmpty());
}

TEST_F(StartFromTest, WithAsManyBinsAStepOtherRanksLearnTheSame) {
  StartFrom(5, /*inexact=*/true);
  job_->SetSteps(kSteps, kBins, /*ranks=*/1, /*accumulation=*/4);

  const std::vector<RankOutcome> outcomes = job_->MustRun(coordinator_);

  EXPECT_EQ(outcomes[0].resumed_step, 5);
  EXPECT_LT(RelativeDistance(outcomes[0].values, first_), 1e-4);
  EXPECT_THAT(EventTypes(), ElementsAre("RESUMED_INEXACTLY", "STARTED_FROM"));
  EXPECT_THAT(coordinator_.events()[0].message(),
              HasSubstr("world_size was 2, is 1"));
}

TEST_F(StartFromTest, WithOtherStepsEveryRowIsSeenOnceAnEpoch) {
  const int64_t there = job_->job.plan().steps_per_epoch();
  const int64_t rows = TokenCache::Open(job_->Path("cache"))->num_documents();
  // In the first epoch, and in the second, where a step of three bins does not
  // end where one of four does.
  for (const int64_t step : {int64_t{2}, there + 1}) {
    StartFrom(step, /*inexact=*/true);
    job_->SetSteps(/*steps=*/1, /*bins=*/3, /*ranks=*/3, /*accumulation=*/1);
    job_->CompletePlan();
    const int64_t here = job_->job.plan().steps_per_epoch();
    job_->job.mutable_plan()->set_steps(2 * here);

    const std::vector<RankOutcome> outcomes = job_->MustRun(coordinator_);

    EXPECT_EQ(outcomes[2].resumed_step,
              step / there * here + step % there * kBins / 3);
    EXPECT_EQ(LastPosition().step, 2 * here);
    EXPECT_EQ(LastPosition().samples_seen, 2 * rows) << "from step " << step;
  }
}

TEST_F(StartFromTest, ItsOwnCheckpointComesFirst) {
  StartFrom(5, /*inexact=*/false);
  job_->job.mutable_plan()->set_steps(8);
  job_->MustRun(coordinator_);
  *job_->job.mutable_checkpoints()->Add() = coordinator_.checkpoints().back();
  job_->job.mutable_plan()->set_steps(kSteps);

  const std::vector<RankOutcome> outcomes = job_->MustRun(coordinator_, 2);

  EXPECT_EQ(outcomes[0].resumed_step, 8);
}

TEST_F(StartFromTest, ADamagedStartIsNoReasonToBeginAnew) {
  StartFrom(5, /*inexact=*/false);
  std::ofstream(job_->job.origin().path() + "/adapter_model.safetensors",
                std::ios::app)
      << "x";

  const std::vector<RankOutcome> outcomes = job_->Run(coordinator_);

  EXPECT_EQ(EndOfRank(outcomes[0].status).cause, v1::Attempt::INPUT_CHANGED);
  EXPECT_THAT(
      outcomes[0].status.ToString(),
      AllOf(HasSubstr("checkpoint.start_from: jobs/first/checkpoints/5"),
            HasSubstr("adapter_model.safetensors")));
}

TEST_F(StartFromTest, TooFewStepsAreNamed) {
  StartFrom(5, /*inexact=*/true);
  job_->SetSteps(/*steps=*/6, /*bins=*/1, /*ranks=*/1, /*accumulation=*/1);
  job_->spec().mutable_train()->set_max_steps(6);

  const std::vector<RankOutcome> outcomes = job_->Run(coordinator_);

  EXPECT_EQ(EndOfRank(outcomes[0].status).cause, v1::Attempt::USER_ERROR);
  EXPECT_THAT(outcomes[0].status.ToString(),
              HasSubstr("train.max_steps: 6 steps end before "
                        "jobs/first/checkpoints/5, step 5 there"));
}

}  // namespace
}  // namespace lockstep::testing
