#include "worker/train/model_flops.h"

#include <gtest/gtest.h>

namespace lockstep {
namespace {

ModelConfig Qwen05B() {
  ModelConfig config;
  config.family = ModelConfig::Family::kQwen2;
  config.vocab_size = 151936;
  config.hidden_size = 896;
  config.intermediate_size = 4864;
  config.num_layers = 24;
  config.num_heads = 14;
  config.num_kv_heads = 2;
  config.head_dim = 64;
  config.tie_word_embeddings = true;
  config.qkv_bias = true;
  return config;
}

Method LoraOf(int64_t r) {
  Method method{.kind = Method::Kind::kLora};
  method.lora.r = r;
  method.lora.target_modules = *ResolveTargets({"all-linear"});
  return method;
}

// Of a token in a full row of so many.
double AToken(const ModelFlops& flops, int64_t row) {
  return flops.Of(row, row * row) / static_cast<double>(row);
}

TEST(ModelFlopsTest, AgreeWithTheCountByHand) {
  // 4 N + 6 N_a + A with N = 494.0 M, N_a = 8.8 M, A = 6 x 24 x 896 x 2048.
  const ModelConfig config = Qwen05B();
  EXPECT_NEAR(AToken(FlopsOf(config, LoraOf(16)), 2048), 2.29e9, 0.01e9);
  EXPECT_NEAR(AToken(FlopsOf(config, LoraOf(16)), 4096), 2.56e9, 0.01e9);
  EXPECT_NEAR(AToken(FlopsOf(config, {.kind = Method::Kind::kFull}), 2048),
              3.23e9, 0.01e9);
}

TEST(ModelFlopsTest, ShortDocumentsCostLessAttention) {
  const ModelFlops flops = FlopsOf(Qwen05B(), LoraOf(16));
  EXPECT_LT(flops.Of(2048, 4 * 512 * 512), flops.Of(2048, 2048 * 2048));
}

TEST(PeakFlopsTest, GoesByTheProductName) {
  EXPECT_EQ(PeakFlopsOf("NVIDIA H200"), 989.4e12);
  EXPECT_EQ(PeakFlopsOf("NVIDIA H100 80GB HBM3"), 989.4e12);
  EXPECT_EQ(PeakFlopsOf("NVIDIA H100 PCIe"), 756e12);
  EXPECT_EQ(PeakFlopsOf("NVIDIA A100-SXM4-80GB"), 312e12);
  EXPECT_EQ(PeakFlopsOf("NVIDIA A10G"), 70e12);
  EXPECT_EQ(PeakFlopsOf("NVIDIA GeForce RTX 4090"), 165.2e12);
  EXPECT_EQ(PeakFlopsOf("NVIDIA A100 80GB PCIe"), 312e12);
  EXPECT_EQ(PeakFlopsOf("NVIDIA GH200 480GB"), 989.4e12);
  EXPECT_EQ(PeakFlopsOf("NVIDIA H200 NVL"), 835.5e12);
}

TEST(PeakFlopsTest, KnowsNothingOfOthers) {
  for (const char* name :
       {"Tesla K80", "NVIDIA RTX A1000", "NVIDIA RTX A4000",
        "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "NVIDIA GeForce RTX 4090 D",
        "NVIDIA GeForce RTX 4090 Laptop GPU", ""}) {
    EXPECT_EQ(PeakFlopsOf(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace lockstep
