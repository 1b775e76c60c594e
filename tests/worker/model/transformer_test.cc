#include "worker/model/transformer.h"

#include <ATen/ATen.h>
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/model/random_model.h"

namespace lockstep {
namespace {

using testing::HasSubstr;

ModelConfig Llama() { return OddConfig(ModelConfig::Family::kLlama); }

// Counts what tensors allocate while it lives.
class AllocationCounter : public c10::Allocator {
 public:
  AllocationCounter() : wrapped_(c10::GetCPUAllocator()) {
    c10::SetCPUAllocator(this, /*priority=*/1);
  }
  ~AllocationCounter() override {
    c10::SetCPUAllocator(wrapped_, /*priority=*/1);
  }

  c10::DataPtr allocate(size_t bytes) override {
    ++count_;
    bytes_ += static_cast<int64_t>(bytes);
    return wrapped_->allocate(bytes);
  }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

  int64_t count() const { return count_; }
  int64_t bytes() const { return bytes_; }

 private:
  c10::Allocator* const wrapped_;
  int64_t count_ = 0;
  int64_t bytes_ = 0;
};

struct MethodCase {
  const char* name;
  Method method;
};

class StepTest : public testing::TestWithParam<MethodCase> {};

TEST_P(StepTest, AllocatesNothingAfterConstruction) {
  auto weights = RandomModel(Llama(), GetParam().method);
  auto transformer = MakeTransformer(*weights, 64);
  const Batch large(RandomDocuments({30, 34}, Llama().vocab_size));
  const Batch small(RandomDocuments({7}, Llama().vocab_size));

  AllocationCounter allocations;
  ASSERT_TRUE(transformer->ForwardBackward(large.view(), 0).ok());
  ASSERT_TRUE(transformer->ForwardBackward(small.view(), 1).ok());
  ASSERT_TRUE(transformer->Evaluate(small.view()).ok());
  ASSERT_TRUE(weights->AfterUpdate().ok());

  EXPECT_EQ(allocations.count(), 0);
}

TEST_P(StepTest, ItsBuffersAreWhatItAllocates) {
  auto weights = RandomModel(Llama(), GetParam().method);
  AllocationCounter allocations;
  auto transformer = MakeTransformer(*weights, 64);

  // Rotary tables and rounding are not among them.
  EXPECT_NEAR(allocations.bytes(), transformer->step_bytes(), 4096);
}

// Three layers: the last is not made again, the first has no base.
TEST_P(StepTest, WhatIsMadeAgainHasTheSameBits) {
  ModelConfig config = Llama();
  config.num_layers = 3;
  const Batch large(RandomDocuments({30, 11}, config.vocab_size));
  const Batch small(RandomDocuments({17}, config.vocab_size));
  const auto train = [&](Recompute recompute, int64_t* bytes) {
    auto weights = RandomModel(config, GetParam().method);
    auto transformer = *Transformer::Create(
        *weights,
        {.max_tokens = 64, .max_document = 64, .recompute = recompute});
    *bytes = transformer->step_bytes();
    EXPECT_TRUE(transformer->ForwardBackward(large.view(), 5).ok());
    EXPECT_TRUE(transformer->Evaluate(large.view()).ok());
    EXPECT_TRUE(transformer->ForwardBackward(small.view(), 6).ok());
    return weights->parameters()->gradients().clone();
  };

  int64_t all = 0, some = 0, least = 0;
  const at::Tensor kept = train(Recompute::kNone, &all);

  EXPECT_TRUE(at::equal(train(Recompute::kNormSwiglu, &some), kept));
  EXPECT_TRUE(at::equal(train(Recompute::kBlock, &least), kept));
  EXPECT_LT(some, all);
  EXPECT_LT(least, some);
}

TEST_P(StepTest, TwoRunsGiveTheSameBits) {
  const Batch batch(RandomDocuments({30, 11}, Llama().vocab_size));
  at::Tensor first;
  for (int run = 0; run < 2; ++run) {
    auto weights = RandomModel(Llama(), GetParam().method);
    auto transformer = MakeTransformer(*weights);
    ASSERT_TRUE(transformer->ForwardBackward(batch.view(), 5).ok());
    if (run == 0) {
      first = weights->parameters()->gradients().clone();
    } else {
      EXPECT_TRUE(at::equal(first, weights->parameters()->gradients()));
    }
  }
}

TEST_P(StepTest, ABatchWithoutLabelsLeavesTheGradients) {
  auto weights = RandomModel(Llama(), GetParam().method);
  auto transformer = MakeTransformer(*weights);
  Document masked = RandomDocuments({9}, Llama().vocab_size)[0];
  masked.trained.assign(9, 0);
  const Batch batch({masked});
  const Batch empty({});

  const auto output = transformer->ForwardBackward(batch.view(), 0);
  const auto nothing = transformer->ForwardBackward(empty.view(), 1);

  ASSERT_TRUE(output.ok() && nothing.ok());
  EXPECT_EQ(output->trained_tokens, 0);
  EXPECT_EQ(nothing->trained_tokens, 0);
  EXPECT_EQ(weights->parameters()->gradients().abs().max().item<float>(), 0);
}

// Not with dropout: another split draws other masks.
class SplitTest : public StepTest {};

TEST_P(SplitTest, GradientsAddUpAndDoNotDependOnTheSplit) {
  const std::vector<Document> documents =
      RandomDocuments({13, 1, 22, 9}, Llama().vocab_size);
  auto together = RandomModel(Llama(), GetParam().method);
  auto apart = RandomModel(Llama(), GetParam().method);

  ASSERT_TRUE(MakeTransformer(*together)
                  ->ForwardBackward(Batch(documents).view(), 0)
                  .ok());
  auto transformer = MakeTransformer(*apart);
  for (const Document& document : documents) {
    const Batch alone({document});
    ASSERT_TRUE(transformer->ForwardBackward(alone.view(), 0).ok());
  }

  for (const Parameter& parameter : together->parameters()->list()) {
    EXPECT_LT(RelativeError(apart->parameters()->Gradient(parameter.name),
                            together->parameters()->Gradient(parameter.name)),
              1e-6)
        << parameter.name;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, SplitTest,
    testing::Values(MethodCase{"Full", FullMethod()},
                    MethodCase{"Concatenated", LoraMethod(4)},
                    MethodCase{"HighRank", LoraMethod(70)}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    All, StepTest,
    testing::Values(MethodCase{"Full", FullMethod()},
                    MethodCase{"Concatenated", LoraMethod(4)},
                    MethodCase{"HighRank", LoraMethod(70)},
                    MethodCase{"Dropout", LoraMethod(4, 0.3)}),
    [](const auto& info) { return info.param.name; });

TEST(TransformerTest, EvaluateIsTheLossOfTheLogitsAndDropsNothing) {
  auto weights = RandomModel(Llama(), LoraMethod(4, 0.5));
  auto transformer = MakeTransformer(*weights);
  const Batch batch(RandomDocuments({12, 7}, Llama().vocab_size));

  const auto evaluated = transformer->Evaluate(batch.view());
  const auto logits = transformer->Logits(batch.view());

  ASSERT_TRUE(evaluated.ok() && logits.ok());
  double loss = 0;
  int64_t terms = 0, correct = 0;
  const at::Tensor log_softmax = at::log_softmax(logits->to(at::kDouble), 1);
  const TokenBatch tokens = batch.view();
  for (int64_t t = 0; t < tokens.tokens(); ++t) {
    if (tokens.labels[t] < 0) continue;
    ++terms;
    loss -= log_softmax[t][tokens.labels[t]].item<double>();
    correct += logits->argmax(1)[t].item<int64_t>() == tokens.labels[t];
  }
  EXPECT_NEAR(evaluated->loss_sum, loss, 1e-4);
  EXPECT_EQ(evaluated->trained_tokens, terms);
  EXPECT_EQ(evaluated->correct, correct);
}

TEST(TransformerTest, WithoutABackwardPassOneSetOfActivationsIsEnough) {
  auto weights = RandomModel(Llama(), FullMethod());
  auto training = MakeTransformer(*weights, 64);
  const auto forward = Transformer::Create(
      *weights, {.max_tokens = 64, .max_document = 64, .backward = false});
  const Batch batch(RandomDocuments({12, 7}, Llama().vocab_size));

  ASSERT_TRUE(forward.ok()) << forward.status();
  EXPECT_TRUE(at::equal(*(*forward)->Logits(batch.view()),
                        *training->Logits(batch.view())));
  EXPECT_LT(3 * (*forward)->step_bytes(), 2 * training->step_bytes());
}

TEST(TransformerTest, RefusesMoreDocumentsThanPlanned) {
  auto weights = RandomModel(Llama(), FullMethod());
  const auto transformer = Transformer::Create(
      *weights, {.max_tokens = 64, .max_document = 64, .max_documents = 2});
  const Batch batch(RandomDocuments({12, 7, 3}, Llama().vocab_size));

  EXPECT_EQ((*transformer)->ForwardBackward(batch.view(), 0).status(),
            absl::InvalidArgumentError(
                "a micro-batch of 3 documents was planned with at most 2"));
}

TEST(TransformerTest, EachMicroBatchDropsOtherInputs) {
  auto weights = RandomModel(Llama(), LoraMethod(4, 0.5));
  auto transformer = MakeTransformer(*weights);
  const Batch batch(RandomDocuments({12, 7}, Llama().vocab_size));

  const auto first = transformer->ForwardBackward(batch.view(), 0);
  const auto again = transformer->ForwardBackward(batch.view(), 0);
  const auto second = transformer->ForwardBackward(batch.view(), 1);

  ASSERT_TRUE(first.ok() && again.ok() && second.ok());
  EXPECT_EQ(first->loss_sum, again->loss_sum);
  EXPECT_NE(first->loss_sum, second->loss_sum);
}

TEST(TransformerTest, ALossInChunksIsTheLoss) {
  ModelConfig wide = Llama();
  // One row of logits a chunk.
  wide.vocab_size = 600 * 1024;
  auto weights = RandomModel(wide, LoraMethod(2));
  auto transformer = MakeTransformer(*weights, 16);
  const Batch batch(RandomDocuments({5}, 100));

  const auto output = transformer->ForwardBackward(batch.view(), 0);

  ASSERT_TRUE(output.ok());
  EXPECT_EQ(output->trained_tokens, 3);
  const at::Tensor log_softmax =
      at::log_softmax(transformer->Logits(batch.view())->to(at::kDouble), 1);
  double loss = 0;
  for (int64_t t = 0; t < 5; ++t) {
    const int32_t label = batch.view().labels[t];
    if (label >= 0) loss -= log_softmax[t][label].item<double>();
  }
  EXPECT_NEAR(output->loss_sum, loss, 1e-4);
}

TEST(TransformerTest, RefusesWhatWasNotPlanned) {
  auto weights = RandomModel(Llama(), FullMethod());
  auto transformer = MakeTransformer(*weights, 16);
  const Batch batch(RandomDocuments({17}, Llama().vocab_size));

  const absl::Status status =
      transformer->ForwardBackward(batch.view(), 0).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("17 tokens"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("at most 16"));
}

TEST(TransformerTest, RefusesATokenOutsideTheVocabulary) {
  auto weights = RandomModel(Llama(), FullMethod());
  auto transformer = MakeTransformer(*weights, 16);
  Document document = RandomDocuments({4}, Llama().vocab_size)[0];
  document.ids[2] = 37;
  const Batch batch({document});

  const absl::Status status = transformer->Evaluate(batch.view()).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("ends at 36"));
}

TEST(TransformerTest, RefusesABatchWhosePartsDisagree) {
  auto weights = RandomModel(Llama(), FullMethod());
  auto transformer = MakeTransformer(*weights, 16);
  const Batch batch(RandomDocuments({4}, Llama().vocab_size));
  TokenBatch tokens = batch.view();
  tokens.labels.remove_suffix(1);

  const absl::Status status = transformer->Logits(tokens).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("3 labels"));
}

TEST(TransformerTest, RefusesConstantsThatHaveNoRotaryTable) {
  ModelConfig config = Llama();
  config.rope_theta = -1;
  auto weights = RandomModel(config, FullMethod());

  EXPECT_EQ(Transformer::Create(*weights, {.max_tokens = 4, .max_document = 4})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace lockstep
