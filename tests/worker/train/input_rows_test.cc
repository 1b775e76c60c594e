// Ranks that gather the rows of their inputs have the gradients of those that
// sum all of the embedding's, and end in the same bits as each other.

#include "worker/model/input_rows.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/contract/check.h"
#include "tests/worker/coordinator/fake_coordinator.h"
#include "tests/worker/train/rank_steps.h"
#include "tests/worker/train/training_fixture.h"
#include "worker/comm/gloo_communicator.h"

namespace lockstep::testing {
namespace {

using ::testing::SizeIs;

// Ranks are threads here; see ConnectGloo.
const int kNoRecorder = setenv("TORCH_FR_BUFFER_SIZE", "0", 1);

std::vector<RankStepsResult> RunThroughGloo(const RankSteps& steps) {
  FakeCoordinator coordinator;
  return RunRankSteps(steps, [&](int rank) {
    auto gloo =
        ConnectGloo(coordinator, {.rank = rank, .world_size = steps.ranks});
    LOCKSTEP_CHECK(gloo.ok());
    return *std::move(gloo);
  });
}

void ExpectEqualBits(const std::vector<RankStepsResult>& ranks) {
  for (const RankStepsResult& rank : ranks) {
    EXPECT_TRUE(at::equal(rank.gradients, ranks[0].gradients));
    EXPECT_TRUE(at::equal(rank.values, ranks[0].values));
  }
}

class InputRowsTest : public ::testing::TestWithParam<std::tuple<bool, int>> {
 protected:
  RankSteps Steps() const {
    return {.tied = std::get<0>(GetParam()), .ranks = std::get<1>(GetParam())};
  }
  // The same steps in the dense way.
  static RankSteps Dense(RankSteps steps) {
    steps.apart = false;
    return steps;
  }
};

TEST_P(InputRowsTest, GiveTheGradientsOfTheDenseWay) {
  ASSERT_EQ(kNoRecorder, 0);
  for (const int accumulation : {1, 3}) {
    for (const bool last_is_trained : {true, false}) {
      SCOPED_TRACE(absl::StrCat(accumulation, last_is_trained));
      RankSteps steps = Steps();
      steps.accumulation = accumulation;
      steps.last_is_trained = last_is_trained;

      const auto apart = RunThroughGloo(steps);
      const auto dense = RunThroughGloo(Dense(steps));

      ASSERT_TRUE(apart[0].apart);
      ASSERT_FALSE(dense[0].apart);
      ExpectEqualBits(apart);
      EXPECT_EQ(apart[0].trained_tokens, dense[0].trained_tokens);
      EXPECT_LT(RelativeDistance(apart[0].gradients, dense[0].gradients), 1e-6);
      EXPECT_LT(RelativeDistance(apart[0].EmbeddingGradient(),
                                 dense[0].EmbeddingGradient()),
                1e-6);
    }
  }
}

TEST_P(InputRowsTest, RanksHaveEqualBitsAfterTwentySteps) {
  RankSteps steps = Steps();
  steps.steps = 20;
  steps.accumulation = 2;

  const auto apart = RunThroughGloo(steps);

  ExpectEqualBits(apart);
  EXPECT_LT(
      RelativeDistance(apart[0].values, RunThroughGloo(Dense(steps))[0].values),
      1e-4);
}

// The place of all ranks' rows is one of what blocks keep, which is little when
// they are made again.
TEST_P(InputRowsTest, RecomputingChangesNoBit) {
  RankSteps steps = Steps();
  steps.steps = 3;
  const auto kept = RunLocalRankSteps(steps);
  steps.recompute = Recompute::kBlock;

  const auto made = RunLocalRankSteps(steps);

  ExpectEqualBits(made);
  EXPECT_TRUE(at::equal(made[0].values, kept[0].values));
}

// Of an embedding that is no head nothing is summed but what passes before the
// last have added.
TEST_P(InputRowsTest, AreSentInPlaceOfTheEmbedding) {
  RankSteps steps = Steps();
  const int64_t floats = RunLocalRankSteps(Dense(steps))[0].summed;
  const auto apart = RunLocalRankSteps(steps)[0];
  const int64_t rows = apart.gathered / (steps.ranks * (128 + 1));

  EXPECT_EQ(apart.gathered, steps.ranks * rows * (128 + 1));
  EXPECT_EQ(rows, 48);
  EXPECT_EQ(apart.summed, floats - (steps.tied ? 0 : apart.embedding_floats));

  steps.accumulation = 2;
  EXPECT_EQ(RunLocalRankSteps(steps)[0].summed, floats);
  EXPECT_EQ(RunLocalRankSteps(steps)[0].gathered, apart.gathered);
}

INSTANTIATE_TEST_SUITE_P(All, InputRowsTest,
                         ::testing::Combine(::testing::Bool(),
                                            ::testing::Values(2, 3)),
                         [](const auto& info) {
                           return absl::StrCat(
                               std::get<0>(info.param) ? "Tied" : "OfItsOwn",
                               std::get<1>(info.param));
                         });

// Whole jobs, with a batch small enough for the vocabulary of 352 or 320, and
// one that is not.
class InputRowsJobTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<TrainingFixture> Job(const std::string& out, int ranks,
                                       int64_t max_length) const {
    auto job =
        std::make_unique<TrainingFixture>(absl::StrCat("models/", GetParam()));
    v1::JobSpec& spec = job->spec();
    spec.mutable_method()->mutable_full();
    spec.mutable_method()->clear_lora();
    spec.mutable_data()->set_packing(v1::DataSpec::PACKING_BFD);
    spec.mutable_data()->set_max_length(max_length);
    spec.mutable_checkpoint()->set_save_steps(4);
    spec.set_output_dir(out);
    job->SetData(GoldenDocuments(ReadGolden(absl::StrCat(GetParam(), ".full")),
                                 /*slots=*/0));
    job->SetSteps(/*steps=*/8, /*bins=*/6, ranks, /*accumulation=*/6 / ranks);
    return job;
  }
};

TEST_P(InputRowsJobTest, EndsWhereOneRankDoes) {
  ScopedTempDir outputs;
  for (const int64_t max_length : {64, 128}) {
    const bool apart = LeavesInputRowsApart(
        {.vocab_size = 320}, {.kind = Method::Kind::kFull}, {}, max_length, 3);
    EXPECT_EQ(apart, max_length == 64);
    FakeCoordinator first, second;
    const auto one =
        Job(outputs.Path(absl::StrCat("1-", max_length)), 1, max_length)
            ->MustRun(first);
    const auto three =
        Job(outputs.Path(absl::StrCat("3-", max_length)), 3, max_length)
            ->MustRun(second);

    const auto losses = Curve(first, "loss");
    for (const auto& [step, loss] : Curve(second, "loss")) {
      EXPECT_NEAR(loss, losses.at(step), 1e-5 * loss) << "step " << step;
    }
    const auto norms = Curve(first, "grad_norm");
    for (const auto& [step, norm] : Curve(second, "grad_norm")) {
      EXPECT_NEAR(norm, norms.at(step), 1e-4 * norm) << "step " << step;
    }
    for (const RankOutcome& rank : three) {
      EXPECT_TRUE(at::equal(rank.values, three[0].values));
    }
    EXPECT_LT(RelativeDistance(three[0].values, one[0].values), 1e-4);
  }
}

TEST_P(InputRowsJobTest, GoesOnFromACheckpointToTheSameBits) {
  ScopedTempDir outputs;
  auto job = Job(outputs.Path("straight"), /*ranks=*/3, /*max_length=*/64);
  FakeCoordinator straight;
  const at::Tensor expected = job->MustRun(straight)[0].values;
  ASSERT_THAT(straight.checkpoints(), SizeIs(2));
  job->spec().set_output_dir(outputs.Path("resumed"));
  *job->job.mutable_checkpoints()->Add() = straight.checkpoints()[0];
  FakeCoordinator coordinator;

  const auto resumed = job->MustRun(coordinator, 2);

  EXPECT_EQ(resumed[0].resumed_step, 4);
  for (const RankOutcome& rank : resumed) {
    EXPECT_TRUE(at::equal(rank.values, expected));
  }
}

INSTANTIATE_TEST_SUITE_P(Models, InputRowsJobTest,
                         ::testing::Values("tiny-llama", "tiny-qwen2"),
                         [](const auto& info) {
                           return std::string(info.param) == "tiny-llama"
                                      ? "Llama"
                                      : "Qwen2";
                         });

}  // namespace
}  // namespace lockstep::testing
