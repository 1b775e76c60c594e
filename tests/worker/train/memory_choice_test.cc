#include "worker/train/memory_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "worker/comm/nccl_memory.h"
#include "worker/model/memory_needs.h"

namespace lockstep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// LoRA of a model of four layers on a GPU.
class MemoryChoiceTest : public ::testing::Test {
 protected:
  MemoryChoiceTest() {
    ModelConfig& config = request_.config;
    config.vocab_size = 32000;
    config.hidden_size = 1024;
    config.intermediate_size = 4096;
    config.num_layers = 4;
    config.num_heads = 16;
    config.num_kv_heads = 8;
    config.head_dim = 64;
    request_.method.kind = Method::Kind::kLora;
    request_.method.lora = {.r = 8, .target_modules = {"q_proj", "down_proj"}};
    request_.placement = {.device = at::Device(at::kCUDA, 0),
                          .compute = at::kBFloat16};
    request_.options = {.max_tokens = 8192, .max_document = 2048};
    spec_.mutable_train()->set_per_device_train_batch_size(4);
    spec_.mutable_data()->set_max_length(2048);
  }

  int64_t Needs(Recompute recompute) const {
    MemoryRequest request = request_;
    request.options.recompute = recompute;
    return TotalBytes(PlanMemory(request));
  }

  v1::JobSpec spec_;
  MemoryRequest request_;
};

TEST_F(MemoryChoiceTest, TakesTheFirstWayThatFits) {
  for (const Recompute way : kRecomputeWays) {
    const auto choice = ChooseRecompute(spec_, request_, Needs(way));

    ASSERT_TRUE(choice.ok()) << choice.status();
    EXPECT_EQ(choice->recompute, way);
    EXPECT_EQ(TotalBytes(choice->plan), Needs(way));
  }
}

TEST_F(MemoryChoiceTest, KeepsAllWhereNobodyKnowsALimit) {
  const auto choice = ChooseRecompute(spec_, request_, std::nullopt);

  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_EQ(choice->recompute, Recompute::kNone);
}

TEST_F(MemoryChoiceTest, DoesWhatTheSpecSays) {
  spec_.mutable_train()->set_recompute(v1::TrainSpec::RECOMPUTE_BLOCK);

  const auto choice = ChooseRecompute(spec_, request_, Needs(Recompute::kNone));

  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_EQ(choice->recompute, Recompute::kBlock);
}

TEST_F(MemoryChoiceTest, RefusesWithTheNumbersAndWhatWouldFit) {
  const int64_t bytes = Needs(Recompute::kBlock) - 1;

  const absl::Status status = ChooseRecompute(spec_, request_, bytes).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  request_.options.recompute = Recompute::kBlock;
  const int64_t most = MostTokens(request_, bytes);
  EXPECT_GT(most, 0);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("micro-batches of 8192 tokens need"),
                    HasSubstr("GiB with train.recompute: block"),
                    HasSubstr(absl::StrCat("up to ", most, " tokens fit")),
                    HasSubstr("lower train.per_device_train_batch_size, 4, or "
                              "data.max_length, 2048")));
}

TEST_F(MemoryChoiceTest, NamesAWayThatFitsWhenTheSpecAsksForAnother) {
  spec_.mutable_train()->set_recompute(v1::TrainSpec::RECOMPUTE_NONE);

  const absl::Status status =
      ChooseRecompute(spec_, request_, Needs(Recompute::kNormSwiglu)).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(", or train.recompute: norm_swiglu fits"));
}

TEST_F(MemoryChoiceTest, GpusThatTalkToEachOtherTakeMemoryForIt) {
  const MemoryPlan one = PlanMemory(request_);
  const int64_t bytes = TotalBytes(one) + EstimateNcclBytes(2) - 1;
  request_.options.ranks = 2;

  const MemoryPlan two = PlanMemory(request_);

  EXPECT_EQ(two.size(), one.size() + 1);
  EXPECT_EQ(two.back().purpose, "NCCL (an estimate)");
  EXPECT_EQ(two.back().bytes, EstimateNcclBytes(2));
  EXPECT_LT(MostTokens(request_, bytes), request_.options.max_tokens);
  EXPECT_GE(MostTokens(request_, bytes + 1), request_.options.max_tokens);
  spec_.mutable_train()->set_recompute(v1::TrainSpec::RECOMPUTE_NONE);
  EXPECT_FALSE(ChooseRecompute(spec_, request_, bytes).ok());
  EXPECT_TRUE(ChooseRecompute(spec_, request_, bytes + 1).ok());
}

TEST_F(MemoryChoiceTest, RanksOnTheCpuHaveNoNccl) {
  request_.placement = {};
  const int64_t one = TotalBytes(PlanMemory(request_));
  request_.options.ranks = 2;

  EXPECT_EQ(TotalBytes(PlanMemory(request_)), one);
}

// A neighbour on each side, or the one that there is; between 0.3 and 1 GiB.
TEST(NcclMemoryTest, GrowsToTwoNeighbours) {
  constexpr int64_t kMiB = int64_t{1} << 20;
  EXPECT_EQ(EstimateNcclBytes(1), 0);
  EXPECT_GT(EstimateNcclBytes(2), 300 * kMiB);
  EXPECT_GT(EstimateNcclBytes(3), EstimateNcclBytes(2) + 200 * kMiB);
  EXPECT_EQ(EstimateNcclBytes(8), EstimateNcclBytes(3));
  EXPECT_LT(EstimateNcclBytes(8), 1024 * kMiB);
}

TEST_F(MemoryChoiceTest, SaysWhenTheWeightsAloneAreTooMuch) {
  const absl::Status status =
      ChooseRecompute(spec_, request_, /*bytes=*/1 << 20).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("the weights alone leave no room for a token"));
}

}  // namespace
}  // namespace lockstep
