#include "worker/io/weight_map.h"

#include "nlohmann/json.hpp"
#include "tests/testing/temp_dir.h"
#include "tests/worker/io/io_testing.h"
#include "worker/io/hf_config.h"

namespace lockstep {
namespace {

using testing::Fails;
using testing::FixturePath;
using testing::IsOk;
using testing::Parts;
using testing::ScopedTempDir;
using testing::WriteText;

ModelConfig FixtureModelConfig(const std::string& model) {
  return *ReadModelConfig(FixturePath("models/" + model));
}

TEST(WeightMapTest, AgreesWithOneFileAndWithShards) {
  for (const char* model : {"tiny-llama", "tiny-qwen2"}) {
    EXPECT_THAT(CheckWeights(FixturePath("models/" + std::string(model)),
                             FixtureModelConfig(model)),
                IsOk());
  }
}

TEST(WeightMapTest, CountsParameters) {
  // 2 * 320 * 64 for embedding and head, 64 for the norm, and two layers.
  const int64_t layer = 2 * 64 + 2 * 64 * 64 + 2 * 32 * 64 + 3 * 96 * 64;

  EXPECT_EQ(CountParameters(FixtureModelConfig("tiny-llama")),
            2 * 320 * 64 + 64 + 2 * layer);
}

TEST(WeightMapTest, ReadsFromTheRightShard) {
  const auto source = WeightSource::Open(FixturePath("models/tiny-qwen2"));
  ASSERT_THAT(source, IsOk());
  EXPECT_EQ(source->files().size(), 2u);
  std::vector<float> norm(64), bias(64);

  EXPECT_THAT(source->ReadFloat32("model.norm.weight", {64}, norm.data()),
              IsOk());
  EXPECT_THAT(source->ReadFloat32("model.layers.0.self_attn.q_proj.bias", {64},
                                  bias.data()),
              IsOk());
  EXPECT_THAT(source->Find("lm_head.weight"),
              Fails(absl::StatusCode::kNotFound,
                    Parts{"tiny-qwen2", "lm_head.weight"}));
}

TEST(WeightMapTest, NamesAShapeThatConfigDoesNotAskFor) {
  ModelConfig config = FixtureModelConfig("tiny-llama");
  config.intermediate_size = 80;

  EXPECT_THAT(CheckWeights(FixturePath("models/tiny-llama"), config),
              Fails(absl::StatusCode::kInvalidArgument,
                    Parts{"model.safetensors", "mlp.gate_proj.weight",
                          "[96, 64]", "[80, 64]"}));
}

TEST(WeightMapTest, NamesATensorThatIsMissing) {
  ModelConfig config = FixtureModelConfig("tiny-llama");
  config.num_layers = 3;

  EXPECT_THAT(CheckWeights(FixturePath("models/tiny-llama"), config),
              Fails(absl::StatusCode::kInvalidArgument,
                    Parts{"model.layers.2.input_layernorm.weight", "[64]"}));
}

TEST(WeightMapTest, RefusesOtherDtypes) {
  const ScopedTempDir dir;
  ModelConfig config = FixtureModelConfig("tiny-llama");
  config.num_layers = 0;
  config.tie_word_embeddings = true;
  const std::vector<int64_t> ids(320 * 64);
  ASSERT_THAT(WriteSafetensors(
                  dir.Path("model.safetensors"),
                  {{"model.embed_tokens.weight", "I64", {320, 64}, ids.data()},
                   {"model.norm.weight", "F32", {64}, ids.data()}},
                  {}, /*sync=*/false),
              IsOk());

  EXPECT_THAT(CheckWeights(dir.path(), config),
              Fails(absl::StatusCode::kInvalidArgument,
                    Parts{"model.embed_tokens.weight", "I64"}));
}

TEST(WeightMapTest, RefusesABadIndex) {
  const ScopedTempDir dir;
  const std::string path = dir.Path("model.safetensors.index.json");
  for (const char* index :
       {"", "[]", "{}", R"({"weight_map": []})", R"({"weight_map": {"w": 1}})",
        R"({"weight_map": {"w": "../model.safetensors"}})",
        R"({"weight_map": {"w": ""}})"}) {
    WriteText(path, index);

    EXPECT_THAT(
        WeightSource::Open(dir.path()),
        Fails(absl::StatusCode::kInvalidArgument, Parts{path, "weight_map"}))
        << index;
  }
}

TEST(WeightMapTest, NamesThePickleThatItWillNotOpen) {
  for (const char* name : {"pytorch_model.bin", "model.pt", "model.pth",
                           "consolidated.00.pth", "x.ckpt", "x.pkl"}) {
    const ScopedTempDir dir;
    WriteText(dir.Path(name), "PK");

    EXPECT_THAT(WeightSource::Open(dir.path()),
                Fails(absl::StatusCode::kNotFound,
                      Parts{dir.path(), name, "pickle", "safetensors"}));
  }
}

TEST(WeightMapTest, NamesAShardThatIsMissing) {
  const ScopedTempDir dir;
  WriteText(dir.Path("model.safetensors.index.json"),
            R"({"weight_map": {"w": "model-1.safetensors"}})");

  EXPECT_THAT(WeightSource::Open(dir.path()),
              Fails(absl::StatusCode::kNotFound,
                    Parts{dir.Path("model-1.safetensors")}));
}

}  // namespace
}  // namespace lockstep
