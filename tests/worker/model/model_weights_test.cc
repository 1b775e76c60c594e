#include "worker/model/model_weights.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "absl/strings/match.h"
#include "tests/worker/model/random_model.h"

namespace lockstep {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ModelConfig Qwen2() { return OddConfig(ModelConfig::Family::kQwen2); }

TEST(LayoutTest, SpellsOutAllLinear) {
  EXPECT_THAT(*ResolveTargets({"all-linear"}),
              ElementsAre("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj",
                          "up_proj", "down_proj"));
  EXPECT_THAT(*ResolveTargets({"v_proj", "q_proj"}),
              ElementsAre("v_proj", "q_proj"));
}

TEST(LayoutTest, NamesATargetThatNoModuleHas) {
  const absl::Status status = ResolveTargets({"q_proj", "w_proj"}).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"w_proj\""));
}

TEST(LayoutTest, AdaptersLieInTheOrderOfTheirNames) {
  Method method = LoraMethod(3);
  method.lora.target_modules = {"q_proj", "down_proj"};

  const auto list = LoraParameters(Qwen2(), method.lora);

  ASSERT_EQ(list.size(), 8u);
  for (size_t i = 1; i < list.size(); ++i) {
    EXPECT_LT(list[i - 1].name, list[i].name);
  }
  EXPECT_EQ(list[0].name,
            "base_model.model.model.layers.0.mlp.down_proj.lora_A.weight");
  EXPECT_THAT(list[0].shape, ElementsAre(3, 27));
  EXPECT_THAT(list[1].shape, ElementsAre(20, 3));
}

TEST(LayoutTest, TailsAreFilledUp) {
  const LoraOptions lora = LoraMethod(6).lora;

  const BlockShape plain = MakeBlockShape(Qwen2(), &lora);
  const BlockShape filled = MakeBlockShape(Qwen2(), &lora, 16);

  EXPECT_EQ(plain.qkv.tail, 18);
  EXPECT_EQ(filled.qkv.tail, 32);
  EXPECT_EQ(filled.down.tail, 16);
  EXPECT_EQ(MakeBlockShape(Qwen2(), nullptr, 16).qkv.tail, 0);
}

TEST(ModelWeightsTest, BFloat16HasNoHeadsOfOddSizes) {
  const absl::Status status =
      ModelWeights::Load(Qwen2(), LoraMethod(8), RandomReader(),
                         {.compute = at::kBFloat16})
          .status();

  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("head_dim 6"));
}

TEST(ModelWeightsTest, AnFp8BaseIsForGpus) {
  Method method = LoraMethod(8);
  method.lora.fp8_base = true;

  const absl::Status status =
      ModelWeights::Load(Qwen2(), method, RandomReader()).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("method.lora.base_dtype: fp8 is for GPUs"));
}

TEST(ModelWeightsTest, InBFloat16TheParametersAreMastersOfACopy) {
  ModelConfig config = Qwen2();
  config.head_dim = 8;
  for (const Method& method :
       {FullMethod(), LoraMethod(8, 0.1), LoraMethod(65)}) {
    auto weights = *ModelWeights::Load(config, method, RandomReader(),
                                       {.compute = at::kBFloat16});
    Parameters& parameters = *weights->parameters();
    parameters.values().fill_(1.0f / 3);
    ASSERT_TRUE(weights->AfterUpdate().ok());

    const BlockWeights& block = weights->Weights(1);
    const at::Tensor& computed = method.kind == Method::Kind::kFull
                                     ? block.down.matrix
                                     : block.down.adapters[0].b;
    EXPECT_EQ(computed.scalar_type(), at::kBFloat16);
    EXPECT_EQ(computed.min().item<float>(), 0.333984375f);
    EXPECT_EQ(parameters.values().max().item<float>(), 1.0f / 3);
  }
}

TEST(LayoutTest, OnlyMatricesDecayAndATiedHeadHasNoWeightOfItsOwn) {
  for (const Parameter& parameter : FullParameters(Qwen2())) {
    EXPECT_NE(parameter.name, "lm_head.weight");
    EXPECT_EQ(parameter.decays, !absl::EndsWith(parameter.name, ".bias") &&
                                    !absl::StrContains(parameter.name, "norm"))
        << parameter.name;
  }
}

TEST(ParametersTest, ValuesGradientsAndTailAreViewsOfFlatBuffers) {
  Parameters parameters(
      {{.name = "a", .shape = {2, 3}}, {.name = "b", .shape = {4}}}, at::kCPU);

  parameters.Value("b").fill_(1);
  parameters.Gradient("a").fill_(2);
  parameters.tail().fill_(3);

  EXPECT_EQ(parameters.size(), 10);
  EXPECT_EQ(parameters.values().sum().item<float>(), 4);
  EXPECT_EQ(parameters.gradients().sum().item<float>(), 12);
  EXPECT_EQ(parameters.gradients_and_tail().sum().item<float>(),
            12 + 3 * Parameters::kTailFloats);
}

TEST(ModelWeightsTest, NewAdaptersChangeNothingAndDependOnTheSeed) {
  Method method = LoraMethod(4);
  auto first = *ModelWeights::Load(Qwen2(), method, RandomReader());
  auto again = *ModelWeights::Load(Qwen2(), method, RandomReader());
  method.seed = 43;
  auto other = *ModelWeights::Load(Qwen2(), method, RandomReader());
  auto base = *ModelWeights::Load(Qwen2(), Method(), RandomReader());
  const Batch batch(RandomDocuments({9, 4}, Qwen2().vocab_size));

  const at::Tensor a =
      first->parameters()->Value(LoraAName(1, "self_attn.k_proj"));
  const double bound = 1 / std::sqrt(20.0);
  EXPECT_LE(a.abs().max().item<double>(), bound);
  EXPECT_NEAR(a.std().item<double>(), bound / std::sqrt(3), 0.03);
  EXPECT_EQ(first->parameters()
                ->Value(LoraBName(1, "self_attn.k_proj"))
                .abs()
                .max()
                .item<float>(),
            0);
  EXPECT_TRUE(
      at::equal(first->parameters()->values(), again->parameters()->values()));
  EXPECT_FALSE(
      at::equal(first->parameters()->values(), other->parameters()->values()));
  EXPECT_EQ(base->parameters(), nullptr);
  EXPECT_LT(RelativeError(*MakeTransformer(*first)->Logits(batch.view()),
                          *MakeTransformer(*base)->Logits(batch.view())),
            1e-6);
}

TEST(ModelWeightsTest, ConcatenatedAdaptersFollowAfterUpdate) {
  auto weights = RandomModel(Qwen2(), LoraMethod(4));
  auto transformer = MakeTransformer(*weights);
  const Batch batch(RandomDocuments({9}, Qwen2().vocab_size));
  const at::Tensor before = *transformer->Logits(batch.view());

  weights->parameters()->Value(LoraBName(0, "mlp.up_proj")).mul_(2);
  const at::Tensor stale = *transformer->Logits(batch.view());
  ASSERT_TRUE(weights->AfterUpdate().ok());
  const at::Tensor fresh = *transformer->Logits(batch.view());

  EXPECT_TRUE(at::equal(before, stale));
  EXPECT_GT(RelativeError(fresh, before), 1e-4);
}

TEST(ModelWeightsTest, FusedMatricesAreTheParametersThemselves) {
  auto weights = RandomModel(Qwen2(), FullMethod());
  Parameters& parameters = *weights->parameters();

  parameters.Value("model.layers.1.self_attn.v_proj.weight").fill_(7);
  parameters.Value("model.layers.1.self_attn.k_proj.bias").fill_(8);

  const LinearWeights& qkv = weights->Weights(1).qkv;
  EXPECT_EQ(qkv.matrix.narrow(0, 24 + 12, 12).min().item<float>(), 7);
  EXPECT_LT(qkv.matrix.narrow(0, 0, 24 + 12).max().item<float>(), 1);
  EXPECT_EQ(qkv.bias.narrow(0, 24, 12).min().item<float>(), 8);
  EXPECT_EQ(weights->head().data_ptr(), weights->embedding().data_ptr());
  EXPECT_EQ(weights->frozen_bytes(), 0);
}

TEST(ModelWeightsTest, PassesOnWhatTheReaderSays) {
  for (const char* missing :
       {"model.embed_tokens.weight", "model.norm.weight",
        "model.layers.1.mlp.up_proj.weight",
        "model.layers.0.self_attn.k_proj.bias",
        "model.layers.1.post_attention_layernorm.weight"}) {
    const TensorReader reader = [&](const std::string& name,
                                    const std::vector<int64_t>& shape,
                                    float* out) -> absl::Status {
      if (name == missing) return absl::NotFoundError(name);
      return RandomReader()(name, shape, out);
    };
    for (const Method& method : {FullMethod(), LoraMethod(4), Method()}) {
      EXPECT_EQ(ModelWeights::Load(Qwen2(), method, reader).status(),
                absl::NotFoundError(missing));
    }
  }
}

TEST(ModelWeightsTest, WeightsArePlacedAsTheyAreRead) {
  const TensorPlacer placer = [](const std::string& name,
                                 const at::Tensor& out) {
    const at::Tensor host = at::empty(out.sizes(), at::kFloat);
    const absl::Status status =
        RandomReader()(name, out.sizes().vec(), host.data_ptr<float>());
    out.copy_(host);
    return status;
  };
  auto weights = *ModelWeights::Load(Qwen2(), FullMethod(), placer);

  const Parameters& parameters = *weights->parameters();
  for (const Parameter& parameter : parameters.list()) {
    const at::Tensor expected = at::empty(parameter.shape, at::kFloat);
    ASSERT_TRUE(RandomReader()(parameter.name, parameter.shape,
                               expected.data_ptr<float>())
                    .ok());
    EXPECT_TRUE(at::equal(parameters.Value(parameter.name), expected))
        << parameter.name;
  }
}

TEST(ModelWeightsTest, LoadAdaptersPassesOnWhatTheReaderSays) {
  auto weights = *ModelWeights::Load(Qwen2(), LoraMethod(4), RandomReader());

  const absl::Status status = weights->LoadAdapters(
      [](const std::string& name, const std::vector<int64_t>&, float*) {
        return absl::InvalidArgumentError(name);
      });

  EXPECT_EQ(status, absl::InvalidArgumentError(LoraAName(0, "mlp.down_proj")));
}

}  // namespace
}  // namespace lockstep
