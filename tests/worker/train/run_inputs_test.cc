// A model folder that is not what it was: between prepare and the attempt, and
// while the attempt trains.

#include "worker/train/run_inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>
#include <utility>

#include "tests/worker/train/training_fixture.h"
#include "worker/io/checksums.h"
#include "worker/io/file.h"
#include "worker/train/rank_end.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string Read(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadWholeFile(path);
  EXPECT_TRUE(text.ok()) << text.status();
  return text.value_or("");
}
void Write(const std::string& path, const std::string& text) {
  ASSERT_TRUE(WriteWholeFile(path, text).ok());
}

// Does something when a checkpoint is listed, before the result is written.
class ActingCoordinator : public FakeCoordinator {
 public:
  explicit ActingCoordinator(std::function<void()> act)
      : act_(std::move(act)) {}

  absl::Status CommitCheckpoint(
      worker::v1::CommitCheckpointRequest::Phase phase,
      const v1::Checkpoint& checkpoint) override {
    if (phase == worker::v1::CommitCheckpointRequest::PHASE_COMMIT) act_();
    return FakeCoordinator::CommitCheckpoint(phase, checkpoint);
  }

 private:
  const std::function<void()> act_;
};

class RunInputsTest : public ::testing::Test {
 protected:
  RunInputsTest() : fixture_("models/tiny-llama") {
    fixture_.SetData(GoldenDocuments(ReadGolden("tiny-llama.full"), 0));
    fixture_.SetSteps(/*steps=*/2, /*bins=*/4, /*ranks=*/2,
                      /*accumulation=*/1);
    fs::copy(TestDataPath("models/tiny-llama"), model_);
    fixture_.spec().mutable_model()->set_path(model_);
  }

  void TrainAllWeights() {
    fixture_.spec().mutable_method()->mutable_full();
    fixture_.spec().mutable_method()->clear_lora();
  }
  // Notes the model as it is now in the plan.
  void Prepare() {
    const auto inputs = DigestInputs(model_, fixture_.spec().model().adapter());
    ASSERT_TRUE(inputs.ok()) << inputs.status();
    *fixture_.job.mutable_plan()->mutable_inputs() = {inputs->begin(),
                                                      inputs->end()};
  }

  void ExpectDamage(const std::string& message) {
    for (const RankOutcome& outcome : fixture_.Run(coordinator_)) {
      EXPECT_EQ(EndOfRank(outcome.status).cause, v1::Attempt::INPUT_CHANGED);
      EXPECT_THAT(std::string(outcome.status.message()), HasSubstr(message));
    }
  }
  void ExpectChangedInput(FakeCoordinator& coordinator,
                          const std::string& message) {
    const std::vector<RankOutcome> outcomes = fixture_.Run(coordinator);
    EXPECT_EQ(EndOfRank(outcomes[0].status).cause, v1::Attempt::INPUT_CHANGED);
    EXPECT_THAT(std::string(outcomes[0].status.message()), HasSubstr(message));
    EXPECT_FALSE(Exists("model.safetensors"));
    EXPECT_FALSE(Exists("adapter_model.safetensors"));
  }
  bool Exists(const std::string& file) const {
    return FileExists(JoinPath(fixture_.output_dir(), file));
  }

  TrainingFixture fixture_;
  const std::string model_ = fixture_.Path("model");
  FakeCoordinator coordinator_;
};

TEST_F(RunInputsTest, AModelAsItWasPreparedIsTrained) {
  Prepare();

  fixture_.MustRun(coordinator_);
}

TEST_F(RunInputsTest, AFileThatChangedSinceThenIsNamed) {
  Prepare();
  Write(model_ + "/generation_config.json", "{}");

  ExpectChangedInput(coordinator_,
                     model_ + "/generation_config.json: has changed");
}

TEST_F(RunInputsTest, WeightsThatChangedSinceThenAreNamed) {
  Prepare();
  std::string weights = Read(model_ + "/model.safetensors");
  weights.back() ^= 1;
  Write(model_ + "/model.safetensors", weights);

  ExpectChangedInput(coordinator_, model_ + "/model.safetensors: has changed");
}

TEST_F(RunInputsTest, AModelThatDoesNotLoadSinceItChangedHasChanged) {
  Prepare();
  Write(model_ + "/config.json", "{}");

  ExpectChangedInput(coordinator_, model_ + "/config.json: has changed");
}

TEST_F(RunInputsTest, AnAdapterThatChangedSinceThenIsNamed) {
  const std::string adapter = fixture_.Path("adapter");
  fs::copy(TestDataPath("adapters/tiny-llama-r8"), adapter);
  fixture_.spec().mutable_model()->set_adapter(adapter);
  Prepare();
  std::string weights = Read(adapter + "/adapter_model.safetensors");
  weights.back() ^= 1;
  Write(adapter + "/adapter_model.safetensors", weights);

  ExpectChangedInput(coordinator_,
                     adapter + "/adapter_model.safetensors: has changed");
}

TEST_F(RunInputsTest, AModelThatNeverLoadedIsInvalidInput) {
  Write(model_ + "/config.json", "{}");
  const absl::Status failure =
      WithCause(v1::Attempt::INVALID_INPUT, absl::InvalidArgumentError("bad"));
  v1::Plan plan;

  EXPECT_EQ(ExplainLoadFailure(failure, fixture_.spec(), plan), failure);
  plan.add_inputs()->set_path("/elsewhere");
  EXPECT_NE(ExplainLoadFailure(failure, fixture_.spec(), plan), failure);
}

TEST_F(RunInputsTest, ADamagedTokenCacheIsNamed) {
  const std::string cache = fixture_.Path("cache");
  ASSERT_TRUE(WriteChecksums(cache, {"train.tokens"}).ok());
  fixture_.MustRun(coordinator_);

  // A token that is as good as any other, but for the checksum.
  std::string tokens = Read(cache + "/train.tokens");
  tokens[64] ^= 1;
  Write(cache + "/train.tokens", tokens);

  ExpectDamage(cache + "/train.tokens: is damaged");
}

// They belong to the weights that were trained.
TEST_F(RunInputsTest, TheResultHasTheFilesThatTheRunBeganWith) {
  for (const bool full : {false, true}) {
    fs::remove_all(fixture_.output_dir());
    fs::remove_all(model_);
    fs::copy(TestDataPath("models/tiny-llama"), model_);
    if (full) TrainAllWeights();
    Prepare();
    ActingCoordinator coordinator([this] {
      Write(model_ + "/tokenizer.json", "{}");
      Write(model_ + "/chat_template.jinja", "new");
      fs::remove(model_ + "/special_tokens_map.json");
    });

    fixture_.MustRun(coordinator);

    for (const char* name : {"tokenizer.json", "special_tokens_map.json"}) {
      EXPECT_EQ(Read(JoinPath(fixture_.output_dir(), name)),
                Read(JoinPath(TestDataPath("models/tiny-llama"), name)));
    }
    EXPECT_FALSE(Exists("chat_template.jinja"));
    EXPECT_EQ(Exists("config.json"), full);
  }
}

// Which dtypes the weights had is read when the result is written.
TEST_F(RunInputsTest, ABaseThatGoesAwayMeanwhileHasChanged) {
  TrainAllWeights();
  ActingCoordinator coordinator([this] { fs::remove_all(model_); });

  ExpectChangedInput(coordinator, model_);
}

}  // namespace
}  // namespace lockstep::testing
