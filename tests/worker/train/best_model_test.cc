// Runs that end early, and results that are not the last weights.

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/worker/train/training_fixture.h"
#include "worker/io/checkpoint_folders.h"
#include "worker/io/file.h"
#include "worker/io/safetensors.h"
#include "worker/io/trainer_state.h"
#include "worker/train/rank_end.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

constexpr int32_t kVocabulary = 320;  // Of tiny-llama.

// Evaluated and saved after each step, on what it gets ever worse at.
class BestModelTest : public ::testing::Test {
 protected:
  BestModelTest() : fixture_("models/tiny-llama") {
    std::vector<Document> documents =
        GoldenDocuments(ReadGolden("tiny-llama.full"), /*slots=*/0);
    // Of other words than those that are trained, so that it gets worse and
    // worse at them, on any machine.
    std::vector<Document> eval(documents.begin(), documents.begin() + 5);
    for (Document& document : eval) {
      for (int32_t& id : document.ids)
        id = (id + kVocabulary / 2) % kVocabulary;
    }
    fixture_.SetData(documents, eval);
    fixture_.SetSteps(/*steps=*/12, /*bins=*/4, /*ranks=*/2,
                      /*accumulation=*/1);
    v1::JobSpec& spec = fixture_.spec();
    spec.mutable_train()->set_learning_rate(0.01);
    spec.mutable_train()->set_lr_scheduler_type(
        v1::TrainSpec::LR_SCHEDULER_TYPE_CONSTANT);
    spec.mutable_train()->set_max_grad_norm(0);
    spec.mutable_checkpoint()->set_save_steps(1);
    spec.mutable_logging()->set_eval_steps(1);
  }

  // Of the evaluations, by step.
  std::map<int64_t, double> EvalLosses() const {
    return Curve(coordinator_, "eval_loss");
  }
  int64_t BestStep() const {
    const auto losses = EvalLosses();
    return std::min_element(
               losses.begin(), losses.end(),
               [](const auto& a, const auto& b) { return a.second < b.second; })
        ->first;
  }
  std::string EventOf(const std::string& type) const {
    for (const v1::Event& event : coordinator_.events()) {
      if (event.type() == type) return event.message();
    }
    return "";
  }
  std::string InCheckpoint(int64_t step) const {
    return JoinPath(JoinPath(fixture_.output_dir(), CheckpointFolderName(step)),
                    "adapter_model.safetensors");
  }
  std::string ResultFile() const {
    return JoinPath(fixture_.output_dir(), "adapter_model.safetensors");
  }
  // Whether both files hold the same numbers.
  static bool SameTensors(const std::string& a, const std::string& b) {
    const auto first = SafetensorsFile::Open(a);
    const auto second = SafetensorsFile::Open(b);
    EXPECT_TRUE(first.ok()) << first.status();
    EXPECT_TRUE(second.ok()) << second.status();
    for (const TensorInfo& tensor : first->tensors()) {
      at::Tensor x = at::empty(tensor.shape, at::kFloat);
      at::Tensor y = at::empty(tensor.shape, at::kFloat);
      EXPECT_TRUE(
          first->ReadFloat32(tensor.name, tensor.shape, x.data_ptr<float>())
              .ok());
      EXPECT_TRUE(
          second->ReadFloat32(tensor.name, tensor.shape, y.data_ptr<float>())
              .ok());
      if (!at::equal(x, y)) return false;
    }
    return true;
  }
  std::string History() const {
    return ReadWholeFile(JoinPath(fixture_.output_dir(), kTrainerStateFile))
        .value_or("");
  }

  TrainingFixture fixture_;
  FakeCoordinator coordinator_;
};

TEST_F(BestModelTest, TheResultIsOfTheBestCheckpoint) {
  fixture_.spec().mutable_checkpoint()->set_load_best_at_end(true);

  fixture_.MustRun(coordinator_);

  const int64_t best = BestStep();
  ASSERT_LT(best, 12) << "the rate does not spoil the model";
  EXPECT_TRUE(SameTensors(ResultFile(), InCheckpoint(best)));
  EXPECT_FALSE(SameTensors(ResultFile(), InCheckpoint(12)));
  EXPECT_THAT(EventOf("BEST_LOADED"),
              HasSubstr("weights of step " + std::to_string(best) + " of 12"));
  EXPECT_THAT(History(),
              HasSubstr("\"best_global_step\": " + std::to_string(best)));
  EXPECT_THAT(History(),
              HasSubstr("/checkpoint-" + std::to_string(best) + "\""));
}

TEST_F(BestModelTest, OtherwiseItIsOfTheLast) {
  fixture_.MustRun(coordinator_);

  EXPECT_TRUE(SameTensors(ResultFile(), InCheckpoint(12)));
  EXPECT_EQ(EventOf("BEST_LOADED"), "");
}

TEST_F(BestModelTest, ABestCheckpointThatIsDamagedIsNoResult) {
  fixture_.spec().mutable_checkpoint()->set_load_best_at_end(true);
  fixture_.MustRun(coordinator_);
  const int64_t best = BestStep();
  ASSERT_TRUE(WriteWholeFile(InCheckpoint(best), "damaged").ok());
  fixture_.job.mutable_checkpoints()->Clear();
  *fixture_.job.add_checkpoints() = coordinator_.checkpoints().back();

  const auto outcomes = fixture_.Run(coordinator_, /*attempt=*/2);

  EXPECT_THAT(std::string(outcomes[0].status.message()),
              HasSubstr(CheckpointFolderName(best)));
}

TEST_F(BestModelTest, TrainingEndsWhenItGetsNoBetter) {
  fixture_.spec().mutable_train()->set_early_stopping_patience(2);
  fixture_.spec().mutable_checkpoint()->set_load_best_at_end(true);

  const auto outcomes = fixture_.MustRun(coordinator_);

  EXPECT_EQ(outcomes[0].end, Trainer::End::kFinished);
  const int64_t best = BestStep();
  const int64_t last = EvalLosses().rbegin()->first;
  EXPECT_EQ(last, best + 2);
  EXPECT_LT(last, 12);
  EXPECT_THAT(EventOf("EARLY_STOPPED"),
              HasSubstr("at step " + std::to_string(last) + " of 12"));
  EXPECT_TRUE(SameTensors(ResultFile(), InCheckpoint(best)));
  EXPECT_THAT(History(), HasSubstr("\"global_step\": " + std::to_string(last)));
}

// The count of evaluations is part of a checkpoint.
TEST_F(BestModelTest, ARunThatIsResumedEndsAtTheSameStep) {
  fixture_.spec().mutable_train()->set_early_stopping_patience(3);
  fixture_.MustRun(coordinator_);
  const int64_t last = EvalLosses().rbegin()->first;
  std::vector<v1::Checkpoint> newest_first = coordinator_.checkpoints();
  std::reverse(newest_first.begin(), newest_first.end());
  for (auto it = newest_first.begin(); it != newest_first.end(); ++it) {
    const v1::Checkpoint& checkpoint = *it;
    // Steps after it are written anew, those before it stay.
    fixture_.job.mutable_checkpoints()->Assign(it, newest_first.end());
    FakeCoordinator resumed;

    const auto outcomes = fixture_.MustRun(resumed, /*attempt=*/2);

    EXPECT_EQ(outcomes[0].resumed_step, checkpoint.step());
    const auto losses = Curve(resumed, "eval_loss");
    EXPECT_EQ(losses.empty() ? checkpoint.step() : losses.rbegin()->first, last)
        << "resumed from " << checkpoint.step();
  }
}

}  // namespace
}  // namespace lockstep::testing
