// What is planned is what is taken.

#include "worker/model/memory_needs.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "kernels/rms_norm.h"
#include "tests/worker/model/allocations.h"
#include "tests/worker/model/random_model.h"
#include "tests/worker/model/training_step.h"
#include "worker/model/frozen_weights.h"
#include "worker/model/random.h"
#include "worker/model/step_buffers.h"

namespace lockstep {
namespace {

// The draws of one generated case.
class Draws {
 public:
  explicit Draws(uint64_t seed) : seed_(seed) {}
  int64_t Between(int64_t least, int64_t most) {
    const auto choices = static_cast<uint64_t>(most - least + 1);
    return least + static_cast<int64_t>(Mix(seed_, ++number_) % choices);
  }
  bool Coin() { return Between(0, 1) == 1; }

 private:
  const uint64_t seed_;
  uint64_t number_ = 0;
};

ModelConfig DrawConfig(Draws& draws) {
  ModelConfig config = OddConfig(draws.Coin() ? ModelConfig::Family::kLlama
                                              : ModelConfig::Family::kQwen2);
  config.num_layers = draws.Between(1, 4);
  config.num_kv_heads = draws.Between(1, 3);
  config.num_heads = config.num_kv_heads * draws.Between(1, 3);
  config.head_dim = 2 * draws.Between(1, 6);
  config.hidden_size = draws.Between(3, 40);
  config.intermediate_size = draws.Between(3, 70);
  config.vocab_size = draws.Between(5, 300);
  config.tie_word_embeddings = draws.Coin();
  return config;
}

Method DrawMethod(Draws& draws) {
  switch (draws.Between(0, 3)) {
    case 0:
      return {.kind = Method::Kind::kFull};
    case 1:
      return {.kind = Method::Kind::kFrozen};
    case 2:
      return LoraMethod(draws.Between(65, 80));
    default:
      return LoraMethod(draws.Between(1, 20), draws.Coin() ? 0.5 : 0);
  }
}

std::map<std::string, int64_t> ByPurpose(const MemoryPlan& plan) {
  std::map<std::string, int64_t> bytes;
  for (const MemoryLine& line : plan) bytes[line.purpose] = line.bytes;
  return bytes;
}

// After the first step.
void ExpectStepsToAllocateNothing(ModelWeights& weights,
                                  Transformer& transformer,
                                  const ModelConfig& config,
                                  const TransformerOptions& options) {
  // A document of one token has nothing to train.
  if (options.max_document < 2) return;
  const Batch batch(
      TrainedDocuments({options.max_document}, config.vocab_size));
  TrainingStep step(weights, transformer);
  step.Run(batch.view(), /*learning_rate=*/1e-4);
  const Allocations seen(c10::kCPU);
  step.Run(batch.view(), /*learning_rate=*/1e-4);
  EXPECT_EQ(seen.count(), 0) << seen.bytes() << " bytes";
  // It would be seen.
  const at::Tensor taken = at::empty({1000});
  EXPECT_EQ(seen.count(), 1);
  EXPECT_GE(seen.bytes(), 4000);
}

TEST(MemoryNeedsTest, AreWhatTwoHundredGeneratedModelsTake) {
  constexpr Recompute kWays[] = {Recompute::kNone, Recompute::kNormSwiglu,
                                 Recompute::kBlock};
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Draws draws(seed);
    const ModelConfig config = DrawConfig(draws);
    const Method method = DrawMethod(draws);
    const int64_t tokens = draws.Between(1, 200);
    const TransformerOptions options = {
        .max_tokens = tokens,
        .max_document = draws.Between(1, tokens),
        .backward = method.kind != Method::Kind::kFrozen,
        .recompute = kWays[draws.Between(0, 2)],
        .ranks = static_cast<int>(draws.Between(1, 4))};

    auto planned = ByPurpose(PlanMemory(config, method, {}, options));
    auto weights = *ModelWeights::Load(config, method, RandomReader());
    auto transformer = *Transformer::Create(*weights, options);

    EXPECT_EQ(planned["frozen weights"], weights->frozen_bytes());
    EXPECT_EQ(planned["activations and scratch"], transformer->step_bytes());
    if (const Parameters* parameters = weights->parameters()) {
      EXPECT_EQ(planned["trained weights"], parameters->values().nbytes());
      EXPECT_EQ(planned["gradients"],
                weights->parameters()->gradients_and_tail().nbytes());
      EXPECT_EQ(planned["optimizer"], 2 * parameters->values().nbytes());
      ExpectStepsToAllocateNothing(*weights, *transformer, config, options);
    }
  }
}

TEST(MemoryNeedsTest, OnlyAGpuHasACopyToComputeWithAndLibrariesInMemory) {
  const ModelConfig config = OddConfig(ModelConfig::Family::kLlama);
  const Method full = {.kind = Method::Kind::kFull};
  const Placement gpu = {.device = at::Device(at::kCUDA, 0),
                         .compute = at::kBFloat16};
  const TransformerOptions options = {.max_tokens = 8, .max_document = 8};

  auto on_cpu = ByPurpose(PlanMemory(config, full, {}, options));
  auto on_gpu = ByPurpose(PlanMemory(config, full, gpu, options));

  EXPECT_FALSE(on_cpu.contains("copy to compute with"));
  EXPECT_FALSE(on_cpu.contains("CUDA and its libraries"));
  EXPECT_EQ(2 * on_gpu["copy to compute with"], on_gpu["trained weights"]);
  EXPECT_EQ(on_gpu["CUDA and its libraries"], kCudaBytes);
  EXPECT_LT(on_gpu["activations and scratch"],
            on_cpu["activations and scratch"] +
                StepShapeOf(config, full, gpu, options).attention_work_bytes);
}

TEST(MemoryNeedsTest, OnlyNormsThatAGpuTrainsHaveScratch) {
  const ModelConfig config = OddConfig(ModelConfig::Family::kLlama);
  const Method full = {.kind = Method::Kind::kFull};
  const Placement gpu = {.device = at::Device(at::kCUDA, 0),
                         .compute = at::kBFloat16};
  TransformerOptions options = {.max_tokens = 100, .max_document = 100};

  EXPECT_EQ(StepShapeOf(config, full, gpu, options).norm_scratch_floats,
            RmsNormBackwardScratch(100, config.hidden_size));
  EXPECT_EQ(StepShapeOf(config, full, {}, options).norm_scratch_floats, 0);
  EXPECT_EQ(
      StepShapeOf(config, LoraMethod(4), gpu, options).norm_scratch_floats, 0);
  options.backward = false;
  EXPECT_EQ(StepShapeOf(config, full, gpu, options).norm_scratch_floats, 0);
}

TEST(MemoryNeedsTest, AnFp8BaseIsThereInBothDirections) {
  ModelConfig config = OddConfig(ModelConfig::Family::kLlama);
  config.hidden_size = 4096;
  config.intermediate_size = 14336;
  const Placement gpu = {.device = at::Device(at::kCUDA, 0),
                         .compute = at::kBFloat16};
  const TransformerOptions options = {.max_tokens = 8, .max_document = 8};
  Method fp8 = LoraMethod(4);
  fp8.lora.fp8_base = true;

  auto plain = ByPurpose(PlanMemory(config, LoraMethod(4), gpu, options));
  auto in_fp8 = ByPurpose(PlanMemory(config, fp8, gpu, options));

  // Twice a byte where there were two, with wider tails.
  EXPECT_NEAR(in_fp8["frozen weights"], plain["frozen weights"],
              0.05 * plain["frozen weights"]);
  EXPECT_GT(in_fp8["frozen weights"], plain["frozen weights"]);
  EXPECT_FALSE(in_fp8.contains("copy to compute with"));
  EXPECT_GT(in_fp8["activations and scratch"],
            plain["activations and scratch"]);
}

// Three columns of FP8 for each of an adapter inside; none for one outside.
TEST(MemoryNeedsTest, OfAnFp8BaseHoldRowsWithTheirTails) {
  const Placement gpu = {.device = at::Device(at::kCUDA, 0),
                         .compute = at::kBFloat16};
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Draws draws(seed);
    ModelConfig config = DrawConfig(draws);
    config.head_dim = 16;
    config.hidden_size = 16 * draws.Between(1, 10);
    config.intermediate_size = 16 * draws.Between(1, 20);
    Method method = LoraMethod(draws.Between(1, 80), draws.Coin() ? 0.5 : 0);
    method.lora.fp8_base = true;
    if (draws.Coin()) method.lora.target_modules = {"k_proj", "down_proj"};
    const int64_t tokens = draws.Between(1, 200);
    const TransformerOptions options = {.max_tokens = tokens,
                                        .max_document = tokens};
    const BlockShape block = BlockShapeOf(config, method, gpu);

    auto planned = ByPurpose(PlanMemory(config, method, gpu, options));
    Arena frozen(planned["frozen weights"], at::kCPU);
    const FrozenWeights weights =
        CarveFrozenWeights(config, block, &method.lora, gpu.compute, frozen);
    Arena step(planned["activations and scratch"], at::kCPU);
    const StepBuffers buffers = CarveStepBuffers(
        config, block, StepShapeOf(config, method, gpu, options), step);

    EXPECT_EQ(planned["frozen weights"], frozen.peak_bytes());
    EXPECT_EQ(planned["activations and scratch"], step.peak_bytes());
    const BlockWeights& of_last = weights.blocks.back();
    const auto expect = [&](const LinearShape& shape,
                            const LinearWeights& linear) {
      const int64_t tail = method.lora.concatenated() ? shape.tail : 0;
      EXPECT_EQ(linear.fp8.values_TK.sizes(),
                (std::vector<int64_t>{shape.out, shape.in + 3 * tail}));
      EXPECT_EQ(linear.fp8_transposed.values_TK.sizes(),
                (std::vector<int64_t>{shape.in, shape.out + 3 * tail}));
      for (const Fp8Matrix* matrix : {&linear.fp8, &linear.fp8_transposed}) {
        EXPECT_EQ(matrix->values_TK.stride(0) % 128, 0);
        EXPECT_EQ(matrix->tail_factor.defined(), tail > 0);
        EXPECT_GE(buffers.linear.fp8_bytes.numel(),
                  tokens * matrix->values_TK.stride(0));
      }
    };
    expect(block.qkv, of_last.qkv);
    expect(block.o, of_last.o);
    expect(block.gate_up, of_last.gate_up);
    expect(block.down, of_last.down);
  }
}

// Of a GPU, with documents of up to 2^20: their scores overflow 64 bits long
// before the tokens run out.
TEST(MemoryNeedsTest, MostTokensOfLongDocumentsStayInProportion) {
  ModelConfig config = OddConfig(ModelConfig::Family::kLlama);
  config.num_heads = 32;
  config.num_kv_heads = 8;
  config.head_dim = 128;
  config.hidden_size = 4096;
  const Placement gpu = {.device = at::Device(at::kCUDA, 0),
                         .compute = at::kBFloat16};
  for (const int64_t longest : {2048, 16384, 32768, 1 << 20}) {
    for (const int64_t documents : {0, 1}) {
      const TransformerOptions options = {.max_tokens = longest,
                                          .max_document = longest,
                                          .max_documents = documents};
      const int64_t most =
          MostTokens(config, LoraMethod(4), gpu, options, int64_t{80} << 30);
      EXPECT_GT(most, 100'000);
      EXPECT_LT(most, 3'000'000);
    }
  }
}

// dP of all documents, or the gradients in float32.
TEST(MemoryNeedsTest, AnyOrderTakesLessWorkMemory) {
  ModelConfig config = OddConfig(ModelConfig::Family::kLlama);
  config.num_heads = 32;
  config.num_kv_heads = 8;
  config.head_dim = 128;
  const Placement gpu = {.device = at::Device(at::kCUDA, 0),
                         .compute = at::kBFloat16};
  TransformerOptions options = {
      .max_tokens = 8192, .max_document = 2048, .max_documents = 4};
  const auto work = [&] {
    return StepShapeOf(config, LoraMethod(4), gpu, options)
        .attention_work_bytes;
  };
  const int64_t ordered = work();

  options.deterministic = false;

  // cuDNN 9.19 says 472386432; beside it are gradients of k and of v.
  const int64_t any_order = work() - (int64_t{2} * 8192 * 8 * 128 * 2);
  EXPECT_GE(any_order, 472'386'432);
  EXPECT_LT(any_order, 473'000'000);
  EXPECT_LT(any_order, ordered / 2);
}

TEST(MemoryNeedsTest, MoreTokensOfRowsAreMoreDocuments) {
  ModelConfig config = OddConfig(ModelConfig::Family::kLlama);
  config.num_heads = config.num_kv_heads = 32;
  const Placement gpu = {.device = at::Device(at::kCUDA, 0),
                         .compute = at::kBFloat16};
  TransformerOptions options = {
      .max_tokens = 1024, .max_document = 1024, .max_documents = 1};
  const int64_t bytes = int64_t{3} << 30;

  options.max_tokens = MostTokens(config, LoraMethod(4), gpu, options, bytes);
  options.max_documents = (options.max_tokens + 1023) / 1024;

  EXPECT_LE(TotalBytes(PlanMemory(config, LoraMethod(4), gpu, options)), bytes);
}

TEST(MemoryNeedsTest, MostTokensAreThoseThatJustFit) {
  const ModelConfig config = OddConfig(ModelConfig::Family::kQwen2);
  TransformerOptions options = {.max_tokens = 100, .max_document = 50};
  const int64_t bytes =
      TotalBytes(PlanMemory(config, LoraMethod(4), {}, options));

  const int64_t most = MostTokens(config, LoraMethod(4), {}, options, bytes);

  EXPECT_GE(most, 100);
  options.max_tokens = most;
  EXPECT_LE(TotalBytes(PlanMemory(config, LoraMethod(4), {}, options)), bytes);
  options.max_tokens = most + 1;
  EXPECT_GT(TotalBytes(PlanMemory(config, LoraMethod(4), {}, options)), bytes);
  EXPECT_EQ(MostTokens(config, LoraMethod(4), {}, options, 1000), 0);
}

}  // namespace
}  // namespace lockstep
