// Input rows that a pass leaves apart: when it does, what they hold, and that
// they take no memory of their own.

#include "worker/model/input_rows.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <vector>

#include "kernels/embedding.h"
#include "tests/worker/model/allocations.h"
#include "tests/worker/model/random_model.h"
#include "worker/model/backward_stage.h"
#include "worker/model/memory_needs.h"

namespace lockstep {
namespace {

const Placement kGpuRows = {.device = at::Device(at::kCUDA, 0),
                            .compute = at::kBFloat16};

ModelConfig OfVocabulary(int64_t vocabulary, bool tied) {
  ModelConfig config = OddConfig(ModelConfig::Family::kLlama);
  config.vocab_size = vocabulary;
  config.tie_word_embeddings = tied;
  return config;
}

TEST(InputRowsRuleTest, TheyAreLeftApartWhereTheyAreFewerBytes) {
  const ModelConfig config = OfVocabulary(1000, true);
  const auto apart = [&](const Method& method, const Placement& placement,
                         int64_t tokens, int64_t ranks) {
    return LeavesInputRowsApart(config, method, placement, tokens, ranks);
  };

  // Alike in float32; half of it in bfloat16.
  EXPECT_TRUE(apart(FullMethod(), {}, 499, 2));
  EXPECT_FALSE(apart(FullMethod(), {}, 500, 2));
  EXPECT_TRUE(apart(FullMethod(), {}, 333, 3));
  EXPECT_FALSE(apart(FullMethod(), {}, 334, 3));
  EXPECT_TRUE(apart(FullMethod(), kGpuRows, 999, 2));
  EXPECT_FALSE(apart(FullMethod(), kGpuRows, 1000, 2));
  // Nobody to gather from; an embedding that is not trained.
  EXPECT_FALSE(apart(FullMethod(), {}, 10, 1));
  EXPECT_FALSE(apart(LoraMethod(4), {}, 10, 2));
  EXPECT_FALSE(apart({}, {}, 10, 2));
}

TEST(InputRowsRuleTest, TheirPlaceIsOneOfActivations) {
  const ModelConfig config = OfVocabulary(128256, true);
  TransformerOptions options = {.max_tokens = 16384, .max_document = 2048};
  const auto bytes = [&](int ranks, Recompute recompute) {
    options.ranks = ranks;
    options.recompute = recompute;
    return TotalBytes(PlanMemory(config, FullMethod(), kGpuRows, options));
  };
  for (const Recompute recompute : {Recompute::kNone, Recompute::kBlock}) {
    // Ids of this rank.
    EXPECT_EQ(bytes(2, recompute), bytes(1, recompute) + 4 * 16384);
    EXPECT_EQ(bytes(15, recompute), bytes(2, recompute));
    EXPECT_EQ(bytes(16, recompute), bytes(1, recompute));
  }
}

// Where there are more ranks than activations have room for, it is larger.
TEST(InputRowsRuleTest, WhatIsPlannedForThemIsTaken) {
  for (const bool tied : {false, true}) {
    for (const int ranks : {1, 2, 3, 30, 100, 500}) {
      const ModelConfig config = OfVocabulary(3000, tied);
      const TransformerOptions options = {
          .max_tokens = 20, .max_document = 20, .ranks = ranks};
      auto weights = RandomModel(config, FullMethod());
      auto transformer = *Transformer::Create(*weights, options);
      Arena measure;
      CarveStepBuffers(config, weights->block_shape(),
                       StepShapeOf(config, FullMethod(), {}, options), measure);

      EXPECT_EQ(transformer->step_bytes(), measure.peak_bytes());
      const InputRows& rows = transformer->input_rows();
      EXPECT_EQ(rows.defined(), ranks > 1 && ranks < 150);
      if (!rows.defined()) continue;
      EXPECT_EQ(rows.all_drows_RTD.sizes(),
                (std::vector<int64_t>{ranks, 20, config.hidden_size}));
      // It can be filled, and the rank's own stay.
      rows.drows_TD.fill_(3);
      rows.ids_T.fill_(4);
      rows.all_drows_RTD.fill_(1);
      rows.all_ids_RT.fill_(2);
      EXPECT_TRUE(at::all(rows.drows_TD == 3).item<bool>());
      EXPECT_TRUE(at::all(rows.ids_T == 4).item<bool>());
      EXPECT_TRUE(at::all(rows.all_drows_RTD == 1).item<bool>());
    }
  }
}

// Notes the order of what it is told.
class Notes : public BackwardListener {
 public:
  Notes() { told_.reserve(100); }
  absl::Status Passed(int64_t block) override {
    told_.push_back(block);
    return absl::OkStatus();
  }
  absl::Status PassedInput() override {
    told_.push_back(-1);
    return refuses_ ? absl::UnavailableError("gone") : absl::OkStatus();
  }
  const std::vector<int64_t>& told() const { return told_; }
  void Refuse() { refuses_ = true; }

 private:
  std::vector<int64_t> told_;
  bool refuses_ = false;
};

class InputRowsPassTest : public testing::TestWithParam<bool> {
 protected:
  InputRowsPassTest()
      : config_(OfVocabulary(100, GetParam())),
        weights_(RandomModel(config_, FullMethod())),
        transformer_(*Transformer::Create(
            *weights_, {.max_tokens = 40, .max_document = 40, .ranks = 2})),
        batch_(RandomDocuments({12, 1, 9}, 7)) {}

  at::Tensor Gradients() { return weights_->parameters()->gradients().clone(); }

  const ModelConfig config_;
  const std::unique_ptr<ModelWeights> weights_;
  const std::unique_ptr<Transformer> transformer_;
  const Batch batch_;
};

TEST_P(InputRowsPassTest, HoldWhatThePassHasNotAdded) {
  ASSERT_TRUE(transformer_->ForwardBackward(batch_.view(), 0).ok());
  const at::Tensor whole = Gradients();
  weights_->parameters()->gradients().zero_();
  Notes notes;

  ASSERT_TRUE(transformer_->ForwardBackward(batch_.view(), 0, &notes).ok());

  EXPECT_EQ(notes.told(),
            (std::vector<int64_t>{AfterHead(2), AfterMlp(1), AfterBlock(1),
                                  AfterMlp(0), AfterBlock(0), -1}));
  const InputRows& rows = transformer_->input_rows();
  const int32_t* ids = rows.ids_T.data_ptr<int32_t>();
  at::Tensor embedding = weights_->embedding_gradient();
  // Nothing but its rows, or those of a head.
  EXPECT_EQ(embedding.norm().item<double>() != 0, GetParam());
  for (int64_t t = 0; t < 40; ++t) {
    EXPECT_EQ(ids[t], t < 22 ? batch_.view().ids[t] : kNoRow);
    if (t < 22) embedding[ids[t]].add_(rows.drows_TD[t]);
  }
  // In the same order.
  EXPECT_TRUE(at::equal(Gradients(), whole));
}

TEST_P(InputRowsPassTest, AllocateNothing) {
  Notes notes;
  ASSERT_TRUE(transformer_->ForwardBackward(batch_.view(), 0, &notes).ok());

  const Allocations seen(c10::kCPU);
  ASSERT_TRUE(transformer_->ForwardBackward(batch_.view(), 1, &notes).ok());

  EXPECT_EQ(seen.count(), 0);
}

TEST_P(InputRowsPassTest, ALostPeerEndsThePass) {
  Notes notes;
  notes.Refuse();

  EXPECT_EQ(transformer_->ForwardBackward(batch_.view(), 0, &notes).status(),
            absl::UnavailableError("gone"));
}

INSTANTIATE_TEST_SUITE_P(Heads, InputRowsPassTest, testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "Tied" : "OfItsOwn";
                         });

}  // namespace
}  // namespace lockstep
