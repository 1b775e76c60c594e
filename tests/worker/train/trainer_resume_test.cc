// A run that is stopped and goes on ends in the same bits.

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/worker/train/resume_job.h"
#include "tests/worker/train/training_fixture.h"
#include "worker/train/rank_end.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr int64_t kResumedSteps = 13;

class TrainerResumeTest : public ::testing::TestWithParam<bool> {};

TEST_P(TrainerResumeTest, EveryCheckpointLeadsToTheSameBits) {
  ScopedTempDir outputs;
  auto job = ResumeJob(outputs.Path("straight"), kResumedSteps, GetParam());
  FakeCoordinator straight;
  const at::Tensor expected = job->MustRun(straight)[0].values;
  ASSERT_THAT(straight.checkpoints(), SizeIs(kResumedSteps));
  ASSERT_GT(kResumedSteps, job->job.plan().steps_per_epoch());

  // The first, two within an epoch, one with a window half full, the last.
  for (const int64_t step :
       {int64_t{1}, int64_t{5}, int64_t{7}, kResumedSteps}) {
    const std::string out = outputs.Path("resumed" + std::to_string(step));
    job->spec().set_output_dir(out);
    *job->job.mutable_checkpoints()->Add() = straight.checkpoints()[step - 1];
    FakeCoordinator coordinator;

    const std::vector<RankOutcome> outcomes = job->MustRun(coordinator, 2);

    for (const RankOutcome& outcome : outcomes) {
      EXPECT_EQ(outcome.resumed_step, step);
      EXPECT_TRUE(at::equal(outcome.values, expected)) << "from step " << step;
    }
    for (const auto& [point, loss] : Curve(coordinator, "loss")) {
      EXPECT_EQ(loss, Curve(straight, "loss").at(point)) << "step " << point;
    }
    EXPECT_EQ(TimelessRows(out), TimelessRows(outputs.Path("straight")));
    job->job.clear_checkpoints();
  }
}

INSTANTIATE_TEST_SUITE_P(LoraAndFull, TrainerResumeTest,
                         ::testing::Values(true, false), [](const auto& info) {
                           return info.param ? "Lora" : "Full";
                         });

TEST(TrainerResumeFaultTest, ADamagedCheckpointIsSkippedByName) {
  ScopedTempDir outputs;
  auto job = ResumeJob(outputs.Path("out"), kResumedSteps);
  FakeCoordinator straight;
  const at::Tensor expected = job->MustRun(straight)[0].values;
  const v1::Checkpoint damaged = straight.checkpoints()[8];
  std::fstream file(damaged.path() + "/adapter_model.safetensors",
                    std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1, std::ios::end);
  file.put('\x55');
  file.close();
  const v1::Checkpoint gone = straight.checkpoints()[7];
  std::filesystem::remove_all(gone.path());
  *job->job.mutable_checkpoints()->Add() = damaged;
  *job->job.mutable_checkpoints()->Add() = gone;
  *job->job.mutable_checkpoints()->Add() = straight.checkpoints()[3];
  FakeCoordinator coordinator;

  const std::vector<RankOutcome> outcomes = job->MustRun(coordinator, 2);

  EXPECT_EQ(outcomes[0].resumed_step, 4);
  EXPECT_EQ(outcomes[1].resumed_step, 4);
  EXPECT_TRUE(at::equal(outcomes[1].values, expected));
  ASSERT_THAT(coordinator.events(), SizeIs(2));
  EXPECT_EQ(coordinator.events()[0].type(), "CHECKPOINT_SKIPPED");
  EXPECT_THAT(coordinator.events()[0].message(),
              HasSubstr("adapter_model.safetensors"));
  EXPECT_THAT(coordinator.events()[1].message(), HasSubstr("step 8"));
}

TEST(TrainerResumeFaultTest, AnotherKindOfRunIsNotResumed) {
  ScopedTempDir outputs;
  auto job = ResumeJob(outputs.Path("out"), kResumedSteps);
  FakeCoordinator straight;
  job->MustRun(straight);
  *job->job.mutable_checkpoints()->Add() = straight.checkpoints()[3];
  job->spec().mutable_train()->set_seed(43);
  FakeCoordinator coordinator;

  const std::vector<RankOutcome> outcomes = job->Run(coordinator, 2);

  EXPECT_EQ(EndOfRank(outcomes[0].status).cause, v1::Attempt::INPUT_CHANGED);
  EXPECT_THAT(outcomes[0].status.ToString(),
              AllOf(HasSubstr("42"), HasSubstr("43")));
  EXPECT_EQ(EndOfRank(outcomes[1].status).exit_code, kPeerLost);
}

TEST(TrainerResumeFaultTest, NeverMeansFromTheBeginning) {
  ScopedTempDir outputs;
  auto job = ResumeJob(outputs.Path("out"), kResumedSteps);
  FakeCoordinator straight;
  const at::Tensor expected = job->MustRun(straight)[0].values;
  *job->job.mutable_checkpoints()->Add() = straight.checkpoints()[3];
  job->spec().mutable_checkpoint()->set_resume(
      v1::CheckpointSpec::RESUME_NEVER);
  FakeCoordinator coordinator;

  const std::vector<RankOutcome> outcomes = job->MustRun(coordinator, 2);

  EXPECT_EQ(outcomes[0].resumed_step, 0);
  EXPECT_TRUE(at::equal(outcomes[0].values, expected));
}

TEST(TrainerResumeFaultTest, LeftoversOfADeadAttemptAreRemoved) {
  ScopedTempDir outputs;
  auto job = ResumeJob(outputs.Path("out"), kResumedSteps);
  const std::string leftover = outputs.Path("out/checkpoint-2.a1.tmp");
  std::filesystem::create_directories(leftover);
  FakeCoordinator coordinator;

  job->MustRun(coordinator, 2);

  EXPECT_FALSE(std::filesystem::exists(leftover));
}

}  // namespace
}  // namespace lockstep::testing
