// A run that is stopped and goes on ends in the same bits.

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/worker/train/training_fixture.h"
#include "worker/io/file.h"
#include "worker/io/trainer_state.h"
#include "worker/train/rank_end.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr int64_t kSteps = 13;

// Dropout, packing, shuffling, accumulation and two ranks: all that could be
// off by one. An epoch has more than three and less than thirteen steps.
std::unique_ptr<TrainingFixture> MakeJob(const std::string& out,
                                         bool lora = true) {
  auto fixture = std::make_unique<TrainingFixture>("models/tiny-llama");
  v1::JobSpec& spec = fixture->spec();
  if (lora) {
    spec.mutable_method()->mutable_lora()->set_dropout(0.1);
  } else {
    spec.mutable_method()->mutable_full();
    spec.mutable_method()->clear_lora();
  }
  spec.mutable_data()->set_shuffle(true);
  spec.mutable_data()->set_packing(v1::DataSpec::PACKING_BFD);
  spec.mutable_checkpoint()->set_save_steps(1);
  spec.mutable_logging()->set_logging_steps(3);
  spec.mutable_logging()->set_eval_steps(4);
  spec.set_output_dir(out);
  std::vector<Document> documents =
      GoldenDocuments(ReadGolden("tiny-llama.full"), /*slots=*/0);
  const std::vector<Document> eval(documents.begin(), documents.begin() + 5);
  documents.resize(70);
  fixture->SetData(documents, eval);
  fixture->SetSteps(kSteps, /*bins=*/4, /*ranks=*/2, /*accumulation=*/2);
  return fixture;
}

// log_history without what a clock has measured.
std::vector<std::map<std::string, double>> TimelessRows(
    const std::string& out) {
  const auto text = ReadWholeFile(out + "/" + kTrainerStateFile);
  EXPECT_TRUE(text.ok()) << text.status();
  const auto state = ParseTrainerState(*text, out);
  EXPECT_TRUE(state.ok()) << state.status();
  std::vector<std::map<std::string, double>> rows;
  for (const LogRow& row : state->log_history) {
    std::map<std::string, double> values = {{"step", row.step},
                                            {"epoch", row.epoch}};
    for (const auto& [key, value] : row.values) {
      const bool timed =
          key.find("runtime") != key.npos || key.find("per_second") != key.npos;
      if (!timed) values[key] = value;
    }
    rows.push_back(values);
  }
  return rows;
}

class TrainerResumeTest : public ::testing::TestWithParam<bool> {};

TEST_P(TrainerResumeTest, EveryCheckpointLeadsToTheSameBits) {
  ScopedTempDir outputs;
  auto job = MakeJob(outputs.Path("straight"), GetParam());
  FakeCoordinator straight;
  const at::Tensor expected = job->MustRun(straight)[0].values;
  ASSERT_THAT(straight.checkpoints(), SizeIs(kSteps));
  ASSERT_GT(kSteps, job->job.plan().steps_per_epoch());

  // The first, two within an epoch, one with a window half full, the last.
  for (const int64_t step : {int64_t{1}, int64_t{5}, int64_t{7}, kSteps}) {
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
  auto job = MakeJob(outputs.Path("out"));
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
  auto job = MakeJob(outputs.Path("out"));
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
  auto job = MakeJob(outputs.Path("out"));
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
  auto job = MakeJob(outputs.Path("out"));
  const std::string leftover = outputs.Path("out/checkpoint-2.a1.tmp");
  std::filesystem::create_directories(leftover);
  FakeCoordinator coordinator;

  job->MustRun(coordinator, 2);

  EXPECT_FALSE(std::filesystem::exists(leftover));
}

}  // namespace
}  // namespace lockstep::testing
