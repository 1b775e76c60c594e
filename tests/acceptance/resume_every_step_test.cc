// A06: a run that goes on from any of its steps ends in the bits of one that
// never stopped, in weights, optimizer and log; and each part of what a
// checkpoint keeps is needed for it: without one of them the end is another.

#include <ATen/ATen.h>

#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"
#include "tests/worker/train/resume_job.h"
#include "tests/worker/train/training_fixture.h"
#include "worker/io/checkpoint_state.h"
#include "worker/io/file.h"
#include "worker/io/trainer_state.h"
#include "worker/train/rank_end.h"

namespace lockstep::testing {
namespace {

using ::testing::SizeIs;

constexpr int64_t kSteps = 40;
// In the middle of an epoch and of a window of the log.
constexpr int64_t kControlStep = 17;

using Edit = std::function<void(const std::string& dir)>;

Edit OfState(const std::function<void(CheckpointState&)>& change) {
  return [change](const std::string& dir) {
    const std::string path = JoinPath(dir, kCheckpointStateFile);
    auto state = ParseCheckpointState(*ReadWholeFile(path), path);
    ASSERT_TRUE(state.ok()) << state.status();
    change(*state);
    ASSERT_TRUE(
        WriteWholeFile(path, CheckpointStateToJson(*state), /*sync=*/false)
            .ok());
  };
}

// How a run ended: all that must be the same.
struct Ending {
  at::Tensor values;
  std::string optimizer;
  std::vector<std::map<std::string, double>> rows;

  bool operator==(const Ending& other) const {
    return at::equal(values, other.values) && optimizer == other.optimizer &&
           rows == other.rows;
  }
};

class ResumeEveryStepTest : public ::testing::Test {
 protected:
  ResumeEveryStepTest() : job_(ResumeJob(outputs_.Path("straight"), kSteps)) {
    straight_ = EndingOf(job_->MustRun(straight_coordinator_));
    // From here on only the last step is saved.
    job_->spec().mutable_checkpoint()->set_save_steps(kSteps);
  }

  v1::Checkpoint CheckpointOf(int64_t step) {
    return straight_coordinator_.checkpoints()[step - 1];
  }

  std::vector<RankOutcome> RunFrom(const v1::Checkpoint& checkpoint) {
    job_->spec().set_output_dir(outputs_.Path(absl::StrCat("run", ++runs_)));
    job_->job.clear_checkpoints();
    *job_->job.add_checkpoints() = checkpoint;
    FakeCoordinator coordinator;
    return job_->Run(coordinator, /*attempt=*/2);
  }

  Ending EndingOf(const std::vector<RankOutcome>& outcomes) {
    EXPECT_TRUE(outcomes[0].status.ok()) << outcomes[0].status;
    if (!outcomes[0].status.ok()) return {};
    Ending ending = {.values = outcomes[0].values,
                     .rows = TimelessRows(job_->output_dir())};
    for (const char* moment : {"exp_avg", "exp_avg_sq"}) {
      const auto bytes =
          ReadWholeFile(absl::StrCat(job_->output_dir(), "/checkpoint-", kSteps,
                                     "/optimizer_", moment, ".safetensors"));
      EXPECT_TRUE(bytes.ok()) << bytes.status();
      ending.optimizer += bytes.value_or("");
    }
    return ending;
  }

  // Goes on from a checkpoint that lacks something.
  std::vector<RankOutcome> RunEdited(const Edit& edit) {
    return RunFrom(
        EditedCheckpoint(CheckpointOf(kControlStep),
                         outputs_.Path(absl::StrCat("edited", runs_)), edit));
  }

  ScopedTempDir outputs_;
  std::unique_ptr<TrainingFixture> job_;
  FakeCoordinator straight_coordinator_;
  Ending straight_;
  int runs_ = 0;
};

TEST_F(ResumeEveryStepTest, EachStepLeadsToTheSameEnd) {
  ASSERT_THAT(straight_coordinator_.checkpoints(), SizeIs(kSteps));
  ASSERT_GT(kSteps, 2 * job_->job.plan().steps_per_epoch());

  for (int64_t step = 1; step < kSteps; ++step) {
    const std::vector<RankOutcome> outcomes = RunFrom(CheckpointOf(step));
    EXPECT_EQ(outcomes[0].resumed_step, step);
    EXPECT_TRUE(EndingOf(outcomes) == straight_) << "from step " << step;
  }
  std::cout << "A06 resume_every_step: " << kSteps - 1 << " of " << kSteps
            << " steps, the same " << straight_.values.numel()
            << " weights, moments and " << straight_.rows.size()
            << " rows of the log\n";
}

TEST_F(ResumeEveryStepTest, ACopyIsAsGoodAsTheCheckpoint) {
  EXPECT_TRUE(EndingOf(RunEdited([](const std::string&) {})) == straight_);
}

TEST_F(ResumeEveryStepTest, NothingOfTheStateCanBeLeftOut) {
  const std::map<std::string, Edit> controls = {
      {"one matrix of weights",
       [](const std::string& dir) {
         ZeroTensors(dir, "adapter_model",
                     "base_model.model.model.layers.0.self_attn.q_proj.lora_B");
       }},
      {"first moments",
       [](const std::string& dir) {
         ZeroTensors(dir, "optimizer_exp_avg.", "exp_avg/");
       }},
      {"second moments",
       [](const std::string& dir) {
         ZeroTensors(dir, "optimizer_exp_avg_sq.", "exp_avg_sq/");
       }},
      {"the optimizer's count", OfState([](CheckpointState& state) {
         state.position.optimizer_steps = 0;
       })},
      // Of which data, dropout and learning rate are functions.
      {"one step",
       OfState([](CheckpointState& state) { ++state.position.step; })},
      {"the sums of the log", OfState([](CheckpointState& state) {
         state.position.averages.clear();
       })},
      {"the count of tokens",
       OfState([](CheckpointState& state) { state.position.tokens_seen = 0; })},
      {"the rows of the log", [](const std::string& dir) {
         const std::string path = JoinPath(dir, kTrainerStateFile);
         auto state = ParseTrainerState(*ReadWholeFile(path), path);
         state->log_history = {};
         EXPECT_TRUE(WriteWholeFile(path, TrainerStateToJson(*state),
                                    /*sync=*/false)
                         .ok());
       }}};

  for (const auto& [what, edit] : controls) {
    EXPECT_FALSE(EndingOf(RunEdited(edit)) == straight_)
        << "without " << what << " the run ends in the same";
  }
  std::cout << "A06 resume_every_step: " << controls.size()
            << " negative controls end otherwise\n";
}

TEST_F(ResumeEveryStepTest, WhatAllIsAFunctionOfCannotChange) {
  const std::map<std::string, Edit> controls = {
      {"seed", OfState([](CheckpointState& state) { ++state.run.seed; })},
      {"shuffle_seed",
       OfState([](CheckpointState& state) { ++state.run.shuffle_seed; })},
      {"dataset_digest", OfState([](CheckpointState& state) {
         state.run.dataset_digest = "another";
       })}};

  for (const auto& [field, edit] : controls) {
    const absl::Status status = RunEdited(edit)[0].status;
    EXPECT_EQ(EndOfRank(status).cause, v1::Attempt::INPUT_CHANGED) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), field)) << status;
  }
}

}  // namespace
}  // namespace lockstep::testing
