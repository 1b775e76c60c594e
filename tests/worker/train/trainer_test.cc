// How a run goes and how it ends.

#include "worker/train/trainer.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>

#include "proto/contract/errors.h"
#include "tests/worker/train/training_fixture.h"
#include "worker/io/file.h"
#include "worker/io/hf_config.h"
#include "worker/io/peft_adapter.h"
#include "worker/io/weight_map.h"
#include "worker/train/rank_end.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Heartbeat = worker::v1::HeartbeatResponse;

// One that still hears from its workers but lets them publish nothing.
class RefusingCoordinator : public FakeCoordinator {
 public:
  absl::Status CommitCheckpoint(worker::v1::CommitCheckpointRequest::Phase,
                                const v1::Checkpoint&) override {
    return errors::AttemptSuperseded("jobs/a", 1);
  }
};

class TrainerTest : public ::testing::Test {
 protected:
  TrainerTest() : fixture_("models/tiny-llama") {
    documents_ = GoldenDocuments(ReadGolden("tiny-llama.full"), /*slots=*/0);
    fixture_.SetData(documents_);
    fixture_.SetSteps(/*steps=*/4, /*bins=*/4, /*ranks=*/2,
                      /*accumulation=*/1);
  }

  void TrainAllWeights() {
    fixture_.spec().mutable_method()->mutable_full();
    fixture_.spec().mutable_method()->clear_lora();
  }

  bool Exists(const std::string& file) const {
    return FileExists(JoinPath(fixture_.output_dir(), file));
  }

  // Nothing that anybody could take for a result or a checkpoint.
  void ExpectNothingWritten() const {
    if (!std::filesystem::exists(fixture_.output_dir())) return;
    for (const auto& entry :
         std::filesystem::directory_iterator(fixture_.output_dir())) {
      EXPECT_EQ(entry.path().filename(), "runs") << entry.path();
    }
  }

  TrainingFixture fixture_;
  std::vector<Document> documents_;
  FakeCoordinator coordinator_;
};

TEST_F(TrainerTest, AllRanksAreBitEqualAfterTwentySteps) {
  fixture_.spec().mutable_method()->mutable_lora()->set_dropout(0.1);
  fixture_.SetSteps(/*steps=*/20, /*bins=*/6, /*ranks=*/3, /*accumulation=*/2);

  const std::vector<RankOutcome> outcomes = fixture_.MustRun(coordinator_);

  ASSERT_THAT(outcomes, SizeIs(3));
  EXPECT_TRUE(at::equal(outcomes[1].values, outcomes[0].values));
  EXPECT_TRUE(at::equal(outcomes[2].values, outcomes[0].values));
}

TEST_F(TrainerTest, LossFalls) {
  fixture_.spec().mutable_train()->set_learning_rate(1e-2);
  fixture_.SetSteps(/*steps=*/30, /*bins=*/4, /*ranks=*/1, /*accumulation=*/1);

  fixture_.MustRun(coordinator_);

  const auto losses = Curve(coordinator_, "loss");
  EXPECT_LT(losses.at(30), 0.8 * losses.at(1));
}

TEST_F(TrainerTest, ARankWithoutDataStillJoins) {
  documents_.resize(5);
  fixture_.SetData(documents_);
  // The second step of each epoch finds one bin for three ranks.
  fixture_.SetSteps(/*steps=*/6, /*bins=*/12, /*ranks=*/3, /*accumulation=*/4);
  const auto split = fixture_.MustRun(coordinator_);
  fixture_.SetSteps(/*steps=*/6, /*bins=*/12, /*ranks=*/1, /*accumulation=*/1);
  FakeCoordinator whole;

  fixture_.MustRun(whole);

  for (const auto& [step, loss] : Curve(whole, "loss")) {
    EXPECT_NEAR(Curve(coordinator_, "loss").at(step), loss, 1e-5 * loss);
  }
}

TEST_F(TrainerTest, EvaluationIsThatOfTransformersAtItsStepsAndAtTheEnd) {
  const nlohmann::json golden = ReadGolden("tiny-llama-r8.forward");
  std::vector<Document> eval;
  for (const nlohmann::json& document : golden.at("documents")) {
    eval.push_back(ToDocument(document));
  }
  fixture_.SetData(documents_, eval);
  fixture_.spec().mutable_model()->set_adapter(
      TestDataPath("adapters/tiny-llama-r8"));
  // So small that the weights stay what the golden had.
  fixture_.spec().mutable_train()->set_learning_rate(1e-12);
  fixture_.spec().mutable_train()->set_per_device_eval_batch_size(1);
  fixture_.spec().mutable_logging()->set_eval_steps(2);
  fixture_.SetSteps(/*steps=*/5, /*bins=*/4, /*ranks=*/2, /*accumulation=*/1);

  fixture_.MustRun(coordinator_);

  const auto losses = Curve(coordinator_, "eval_loss");
  ASSERT_THAT(losses, SizeIs(3));
  for (const int64_t step : {2, 4, 5}) {
    EXPECT_NEAR(losses.at(step), golden.at("loss"), 1e-5) << "step " << step;
  }
  EXPECT_NEAR(coordinator_.progress().eval_loss(), golden.at("loss"), 1e-5);
  EXPECT_NEAR(coordinator_.checkpoints()[0].eval_loss(), golden.at("loss"),
              1e-5);
}

TEST_F(TrainerTest, CheckpointsComeAtTheirStepsAndAtTheEnd) {
  fixture_.spec().mutable_checkpoint()->set_save_steps(2);
  fixture_.SetSteps(/*steps=*/5, /*bins=*/4, /*ranks=*/2, /*accumulation=*/1);

  fixture_.MustRun(coordinator_, /*attempt=*/3);

  const auto checkpoints = coordinator_.checkpoints();
  ASSERT_THAT(checkpoints, SizeIs(3));
  EXPECT_EQ(checkpoints[0].step(), 2);
  EXPECT_EQ(checkpoints[1].step(), 4);
  EXPECT_EQ(checkpoints[2].step(), 5);
  for (const v1::Checkpoint& checkpoint : checkpoints) {
    EXPECT_EQ(checkpoint.attempt(), 3);
    EXPECT_DOUBLE_EQ(checkpoint.loss(),
                     Curve(coordinator_, "loss").at(checkpoint.step()));
    const auto opened =
        Checkpoint::Open(checkpoint.path(), checkpoint.manifest_sha256());
    EXPECT_TRUE(opened.ok()) << opened.status();
  }
}

TEST_F(TrainerTest, AnAdapterIsWhatTheRanksHold) {
  const std::vector<RankOutcome> outcomes = fixture_.MustRun(coordinator_);

  EXPECT_EQ(outcomes[0].end, Trainer::End::kFinished);
  const auto adapter =
      PeftAdapter::Open(fixture_.output_dir(),
                        *ReadModelConfig(TestDataPath("models/tiny-llama")));
  ASSERT_TRUE(adapter.ok()) << adapter.status();
  EXPECT_EQ(adapter->config().r, 8);
  EXPECT_EQ(adapter->config().lora_alpha, 16);
  for (const Parameter& parameter : outcomes[0].parameters) {
    at::Tensor written = at::empty(parameter.shape, at::kFloat);
    ASSERT_TRUE(adapter
                    ->ReadFloat32(parameter.name, parameter.shape,
                                  written.data_ptr<float>())
                    .ok());
    EXPECT_TRUE(at::equal(written, outcomes[0].Value(parameter.name)));
  }
}

TEST_F(TrainerTest, AModelIsWhatTheRanksHold) {
  TrainAllWeights();

  const std::vector<RankOutcome> outcomes = fixture_.MustRun(coordinator_);

  const auto source = WeightSource::Open(fixture_.output_dir());
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_TRUE(Exists("config.json"));
  for (const Parameter& parameter : outcomes[0].parameters) {
    at::Tensor written = at::empty(parameter.shape, at::kFloat);
    ASSERT_TRUE(source
                    ->ReadFloat32(parameter.name, parameter.shape,
                                  written.data_ptr<float>())
                    .ok());
    EXPECT_TRUE(at::equal(written, outcomes[0].Value(parameter.name)));
  }
}

TEST_F(TrainerTest, TokenizerFilesComeBackByteForByteAndTheHistoryWithThem) {
  fixture_.spec().mutable_model()->set_chat_template("{{ messages }}");

  fixture_.MustRun(coordinator_);

  for (const char* file : {"tokenizer.json", "tokenizer_config.json"}) {
    EXPECT_EQ(
        *ReadWholeFile(JoinPath(fixture_.output_dir(), file)),
        *ReadWholeFile(JoinPath(TestDataPath("models/tiny-llama"), file)));
  }
  EXPECT_EQ(
      *ReadWholeFile(JoinPath(fixture_.output_dir(), "chat_template.jinja")),
      "{{ messages }}");
  EXPECT_THAT(
      *ReadWholeFile(JoinPath(fixture_.output_dir(), kTrainerStateFile)),
      AllOf(HasSubstr("\"global_step\": 4"), HasSubstr("\"train_loss\"")));
  EXPECT_TRUE(Exists("runs"));
}

TEST_F(TrainerTest, TensorBoardCanBeTurnedOff) {
  fixture_.spec().mutable_logging()->set_tensorboard(false);

  fixture_.MustRun(coordinator_);

  EXPECT_FALSE(Exists("runs"));
}

TEST_F(TrainerTest, StopWithACheckpointStopsAllRanksAtOneStep) {
  coordinator_.SetCommand(Heartbeat::CHECKPOINT_AND_STOP, /*from_step=*/3);
  fixture_.SetSteps(/*steps=*/100'000, /*bins=*/4, /*ranks=*/2,
                    /*accumulation=*/1);

  const std::vector<RankOutcome> outcomes = fixture_.MustRun(coordinator_);

  EXPECT_EQ(outcomes[0].end, Trainer::End::kStopped);
  EXPECT_EQ(outcomes[1].end, Trainer::End::kStopped);
  EXPECT_TRUE(at::equal(outcomes[1].values, outcomes[0].values));
  ASSERT_THAT(coordinator_.checkpoints(), SizeIs(1));
  EXPECT_GE(coordinator_.checkpoints()[0].step(), 3);
  EXPECT_EQ(coordinator_.checkpoints()[0].step(),
            coordinator_.progress().step());
  EXPECT_FALSE(Exists("adapter_model.safetensors"));
}

TEST_F(TrainerTest, StopWithoutACheckpointWritesNothing) {
  coordinator_.SetCommand(Heartbeat::STOP, /*from_step=*/0);
  fixture_.SetSteps(/*steps=*/100'000, /*bins=*/4, /*ranks=*/2,
                    /*accumulation=*/1);

  const std::vector<RankOutcome> outcomes = fixture_.MustRun(coordinator_);

  EXPECT_EQ(outcomes[0].end, Trainer::End::kStopped);
  EXPECT_THAT(coordinator_.checkpoints(), IsEmpty());
  ExpectNothingWritten();
}

TEST_F(TrainerTest, SigtermOfAnyRankSavesAndStopsAllAtTheNextStep) {
  fixture_.terminated = [](int rank) { return rank == 1; };

  const std::vector<RankOutcome> outcomes = fixture_.MustRun(coordinator_);

  EXPECT_EQ(outcomes[0].end, Trainer::End::kStopped);
  EXPECT_EQ(outcomes[1].end, Trainer::End::kStopped);
  ASSERT_THAT(coordinator_.checkpoints(), SizeIs(1));
  EXPECT_EQ(coordinator_.checkpoints()[0].step(), 1);
}

TEST_F(TrainerTest, AStopThatComesWithTheLastStepIsAFinish) {
  fixture_.terminated = [](int) { return true; };
  fixture_.SetSteps(/*steps=*/1, /*bins=*/4, /*ranks=*/2, /*accumulation=*/1);

  const std::vector<RankOutcome> outcomes = fixture_.MustRun(coordinator_);

  EXPECT_EQ(outcomes[0].end, Trainer::End::kFinished);
  EXPECT_TRUE(Exists("adapter_model.safetensors"));
}

TEST_F(TrainerTest, ALossThatIsNotFiniteEndsTheRunBeforeAnyCheckpointOfIt) {
  TrainAllWeights();
  fixture_.spec().mutable_train()->set_learning_rate(1e30);
  fixture_.spec().mutable_train()->set_lr_scheduler_type(
      v1::TrainSpec::LR_SCHEDULER_TYPE_CONSTANT);
  fixture_.spec().mutable_checkpoint()->set_save_steps(1);
  fixture_.SetSteps(/*steps=*/50, /*bins=*/4, /*ranks=*/2, /*accumulation=*/1);

  const std::vector<RankOutcome> outcomes = fixture_.Run(coordinator_);

  for (const RankOutcome& outcome : outcomes) {
    EXPECT_EQ(EndOfRank(outcome.status).cause, v1::Attempt::NOT_FINITE);
    EXPECT_EQ(EndOfRank(outcome.status).exit_code, kNotFinite);
    EXPECT_THAT(std::string(outcome.status.message()),
                HasSubstr("learning rate 1e+30"));
  }
  for (const v1::Checkpoint& checkpoint : coordinator_.checkpoints()) {
    EXPECT_TRUE(std::isfinite(checkpoint.loss()));
  }
  EXPECT_FALSE(Exists("model.safetensors"));
  EXPECT_FALSE(Exists(".unfinished"));
}

TEST_F(TrainerTest, WeightsThatAreNotFiniteAreNotSaved) {
  TrainAllWeights();
  // Above what a float holds, so the first update itself breaks the weights.
  fixture_.spec().mutable_train()->set_learning_rate(1e39);
  fixture_.SetSteps(/*steps=*/1, /*bins=*/4, /*ranks=*/2, /*accumulation=*/1);

  const std::vector<RankOutcome> outcomes = fixture_.Run(coordinator_);

  EXPECT_EQ(EndOfRank(outcomes[0].status).cause, v1::Attempt::NOT_FINITE)
      << outcomes[0].status;
  EXPECT_THAT(coordinator_.checkpoints(), IsEmpty());
  EXPECT_FALSE(Exists("model.safetensors"));
}

TEST_F(TrainerTest, AnAttemptThatIsOverPublishesNothing) {
  RefusingCoordinator coordinator;

  const std::vector<RankOutcome> outcomes = fixture_.Run(coordinator);

  EXPECT_EQ(EndOfRank(outcomes[0].status).exit_code, kSuperseded);
  ExpectNothingWritten();
}

TEST_F(TrainerTest, AnAttemptThatHearsThatItIsOverStops) {
  coordinator_.SetAnswer(errors::AttemptSuperseded("jobs/a", 1));
  fixture_.SetSteps(/*steps=*/100'000, /*bins=*/4, /*ranks=*/2,
                    /*accumulation=*/1);

  const std::vector<RankOutcome> outcomes = fixture_.Run(coordinator_);

  for (const RankOutcome& outcome : outcomes) {
    const ExitCode code = EndOfRank(outcome.status).exit_code;
    EXPECT_TRUE(code == kSuperseded || code == kPeerLost) << outcome.status;
  }
  ExpectNothingWritten();
}

TEST_F(TrainerTest, AnOutputThatCannotBeWrittenIsSaidSo) {
  fixture_.spec().set_output_dir("/proc/out");

  const std::vector<RankOutcome> outcomes = fixture_.Run(coordinator_);

  EXPECT_EQ(EndOfRank(outcomes[0].status).cause, v1::Attempt::STORAGE_FULL);
  EXPECT_THAT(std::string(outcomes[0].status.message()),
              HasSubstr("/proc/out"));
}

TEST_F(TrainerTest, AnAdapterOfAnotherShapeIsInvalidInput) {
  fixture_.spec().mutable_model()->set_adapter(
      TestDataPath("adapters/tiny-llama-r8"));
  fixture_.spec().mutable_method()->mutable_lora()->set_r(4);

  const std::vector<RankOutcome> outcomes = fixture_.Run(coordinator_);

  EXPECT_EQ(EndOfRank(outcomes[0].status).cause, v1::Attempt::INVALID_INPUT);
  EXPECT_THAT(
      std::string(outcomes[0].status.message()),
      AllOf(HasSubstr("model.adapter"), HasSubstr("r 8"), HasSubstr("r 4")));
}

TEST_F(TrainerTest, AModelThatIsNotThereIsInvalidInput) {
  fixture_.spec().mutable_model()->set_path("/nowhere");

  const std::vector<RankOutcome> outcomes = fixture_.Run(coordinator_);

  EXPECT_EQ(EndOfRank(outcomes[0].status).cause, v1::Attempt::INVALID_INPUT);
}

TEST_F(TrainerTest, DataThatIsNotWhatWasPlannedIsChangedInput) {
  fixture_.job.mutable_plan()->set_eval_rows(7);

  const std::vector<RankOutcome> outcomes = fixture_.Run(coordinator_);

  EXPECT_EQ(EndOfRank(outcomes[0].status).cause, v1::Attempt::INPUT_CHANGED);
  EXPECT_THAT(std::string(outcomes[0].status.message()),
              HasSubstr("eval.tokens"));
}

}  // namespace
}  // namespace lockstep::testing
