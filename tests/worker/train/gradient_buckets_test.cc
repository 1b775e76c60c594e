#include "worker/train/gradient_buckets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "worker/model/backward_stage.h"
#include "worker/model/layout.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::Pair;

constexpr int64_t kTail = Parameters::kTailFloats;

// As Parameters lays them out.
std::vector<Parameter> LaidOut(std::vector<Parameter> list) {
  int64_t offset = 0;
  for (Parameter& parameter : list) {
    parameter.offset = offset;
    offset += parameter.size();
  }
  return list;
}

Parameter Of(int64_t size, int64_t final_after) {
  Parameter parameter;
  parameter.shape = {size};
  parameter.final_after = final_after;
  return parameter;
}

// {begin, end} of each.
std::vector<std::pair<int64_t, int64_t>> Ranges(
    const std::vector<GradientBucket>& buckets) {
  std::vector<std::pair<int64_t, int64_t>> ranges;
  for (const GradientBucket& bucket : buckets) {
    ranges.emplace_back(bucket.begin, bucket.end);
  }
  return ranges;
}

std::vector<int64_t> FinalAfter(const std::vector<GradientBucket>& buckets) {
  std::vector<int64_t> blocks;
  for (const GradientBucket& bucket : buckets) {
    blocks.push_back(bucket.final_after);
  }
  return blocks;
}

// An embedding, three blocks of two parameters, and a norm.
std::vector<Parameter> SmallModel() {
  return LaidOut({Of(100, Parameter::kWholePass), Of(4, 0), Of(6, 0), Of(4, 1),
                  Of(6, 1), Of(4, 2), Of(6, 2), Of(3, 2)});
}

TEST(GradientBucketsTest, BlocksComeFromTheLastToTheFirstThenTheRest) {
  const auto buckets = GradientBuckets(SmallModel(), /*least_floats=*/1);

  EXPECT_THAT(Ranges(buckets),
              ElementsAre(Pair(120, 133), Pair(110, 120), Pair(100, 110),
                          Pair(133, 133 + kTail), Pair(0, 100)));
  EXPECT_THAT(FinalAfter(buckets), ElementsAre(2, 1, 0, -1, -1));
}

TEST(GradientBucketsTest, SmallBlocksAreMergedAndWaitForTheLatest) {
  const auto buckets = GradientBuckets(SmallModel(), /*least_floats=*/14);

  EXPECT_THAT(Ranges(buckets),
              ElementsAre(Pair(110, 133), Pair(100, 110),
                          Pair(133, 133 + kTail), Pair(0, 100)));
  EXPECT_THAT(FinalAfter(buckets), ElementsAre(1, 0, -1, -1));
}

// A large embedding would hold them up, and the sums of the step are known
// last.
TEST(GradientBucketsTest, WhatTakesTheWholePassHoldsNoBlockUp) {
  const auto buckets = GradientBuckets(SmallModel(), /*least_floats=*/1000);

  EXPECT_THAT(
      Ranges(buckets),
      ElementsAre(Pair(100, 133), Pair(133, 133 + kTail), Pair(0, 100)));
}

// As an embedding whose input rows are left apart.
TEST(GradientBucketsTest, WhatIsLargeAndFinalEarlyDoesNotWaitForASmallBlock) {
  auto parameters = SmallModel();
  parameters[0].final_after = 3;

  const auto buckets = GradientBuckets(parameters, /*least_floats=*/14);

  EXPECT_THAT(Ranges(buckets),
              ElementsAre(Pair(0, 100), Pair(110, 133), Pair(100, 110),
                          Pair(133, 133 + kTail)));
  EXPECT_THAT(FinalAfter(buckets), ElementsAre(3, 1, 0, -1));
}

TEST(GradientBucketsTest, WhatIsNotSummedIsInNone) {
  auto parameters = SmallModel();
  parameters[0].final_after = kNotSummed;
  parameters[3].final_after = kNotSummed;

  const auto buckets = GradientBuckets(parameters, /*least_floats=*/1000);

  EXPECT_THAT(Ranges(buckets), ElementsAre(Pair(114, 133), Pair(100, 110),
                                           Pair(133, 133 + kTail)));
}

ModelConfig TwelveBlocks() {
  ModelConfig config;
  config.vocab_size = 50;
  config.hidden_size = 8;
  config.intermediate_size = 16;
  config.num_layers = 12;
  config.num_heads = config.num_kv_heads = 2;
  config.head_dim = 4;
  return config;
}

TEST(GradientBucketsTest, AdaptersAreOneBucketWithTheTail) {
  LoraOptions lora;
  lora.r = 2;
  lora.target_modules = {"q_proj", "down_proj"};
  const auto parameters = LaidOut(LoraParameters(TwelveBlocks(), lora));
  const int64_t size = parameters.back().offset + parameters.back().size();

  const auto buckets = GradientBuckets(parameters, /*least_floats=*/1);

  EXPECT_THAT(Ranges(buckets), ElementsAre(Pair(0, size + kTail)));
}

class FullModelTest : public ::testing::TestWithParam<bool> {};

TEST_P(FullModelTest, EachHalfOfABlockIsABucketAndEachFloatInOne) {
  ModelConfig config = TwelveBlocks();
  config.tie_word_embeddings = GetParam();
  const auto parameters = LaidOut(FullParameters(config));
  const int64_t size = parameters.back().offset + parameters.back().size();

  const auto buckets = GradientBuckets(parameters, /*least_floats=*/1);

  std::vector<int64_t> expected;
  if (!GetParam()) expected.push_back(AfterHead(12));
  for (int64_t block = 11; block >= 0; --block) {
    expected.push_back(AfterMlp(block));
    expected.push_back(AfterBlock(block));
  }
  expected.insert(expected.end(), 2, Parameter::kWholePass);
  EXPECT_THAT(FinalAfter(buckets), ElementsAreArray(expected));
  std::vector<int> covered(size + kTail, 0);
  for (const GradientBucket& bucket : buckets) {
    for (int64_t i = bucket.begin; i < bucket.end; ++i) ++covered[i];
  }
  EXPECT_THAT(covered, ::testing::Each(1));
  // The head beside the embedding is final before the blocks are; a head that
  // is the embedding is not.
  const Parameter& head = parameters.back();
  EXPECT_EQ(head.name, GetParam() ? "model.norm.weight" : "lm_head.weight");
  EXPECT_EQ(head.final_after, GetParam() ? AfterMlp(11) : AfterHead(12));
  EXPECT_EQ(parameters.front().name, "model.embed_tokens.weight");
  EXPECT_EQ(parameters.front().final_after, Parameter::kWholePass);
}

INSTANTIATE_TEST_SUITE_P(Heads, FullModelTest, ::testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "Tied" : "OfItsOwn";
                         });

TEST(GradientBucketsTest, NothingToTrainLeavesTheTail) {
  EXPECT_THAT(Ranges(GradientBuckets({})), ElementsAre(Pair(0, kTail)));
}

}  // namespace
}  // namespace lockstep
