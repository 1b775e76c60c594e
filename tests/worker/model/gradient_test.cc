// Every gradient of whole models on odd sizes, against float64 and autograd.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/worker/model/oracle.h"
#include "tests/worker/model/random_model.h"

namespace lockstep {
namespace {

constexpr double kGradientTolerance = 2e-5;

struct Case {
  std::string name;
  ModelConfig::Family family;
  Method method;
};

std::vector<Case> Cases() {
  using Family = ModelConfig::Family;
  Method full;
  full.kind = Method::Kind::kFull;
  Method some = LoraMethod(3);
  some.lora.target_modules = {"k_proj", "up_proj", "o_proj"};
  return {
      {"LlamaFull", Family::kLlama, full},
      {"Qwen2Full", Family::kQwen2, full},
      {"LlamaConcatenated", Family::kLlama, LoraMethod(5)},
      {"Qwen2Concatenated", Family::kQwen2, LoraMethod(5)},
      {"SomeModules", Family::kQwen2, some},
      {"LlamaPlainHighRank", Family::kLlama, LoraMethod(66)},
      {"Qwen2PlainDropout", Family::kQwen2, LoraMethod(5, 0.25)},
      {"LlamaPlainDropout", Family::kLlama, LoraMethod(5, 0.25)},
  };
}

class GradientTest : public testing::TestWithParam<Case> {};

TEST_P(GradientTest, EqualAutogradInFloat64) {
  const ModelConfig config = OddConfig(GetParam().family);
  auto weights = RandomModel(config, GetParam().method);
  auto transformer = MakeTransformer(*weights);
  const Batch batch(RandomDocuments({5, 1, 19, 2, 8}, config.vocab_size));
  constexpr uint64_t kMicroBatch = 3;

  const auto output = transformer->ForwardBackward(batch.view(), kMicroBatch);

  const OracleResult oracle =
      RunOracle(*weights, RandomReader(), batch.view(),
                {.seed = GetParam().method.seed,
                 .offset = kMicroBatch * config.num_layers * kModulesPerBlock,
                 .p = GetParam().method.lora.dropout});
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_NEAR(output->loss_sum / oracle.loss_sum, 1, 1e-6);
  for (const auto& [name, gradient] : oracle.gradients) {
    EXPECT_GT(gradient.norm().item<double>(), 1e-6) << name;
    EXPECT_LT(RelativeError(weights->parameters()->Gradient(name), gradient),
              kGradientTolerance)
        << name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, GradientTest, testing::ValuesIn(Cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace lockstep
