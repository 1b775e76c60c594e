#include "worker/io/hf_config.h"

#include "nlohmann/json.hpp"
#include "tests/testing/temp_dir.h"
#include "tests/worker/io/io_testing.h"

namespace lockstep {
namespace {

using nlohmann::json;
using testing::Fails;
using testing::FixturePath;
using testing::IsOk;
using testing::Parts;
using testing::ReadText;

json FixtureConfig(const std::string& model) {
  return json::parse(ReadText(FixturePath("models/" + model + "/config.json")));
}

absl::StatusOr<ModelConfig> Parse(const json& config) {
  return ParseModelConfig(config.dump(), "m/config.json");
}

// A fixture's config with one key changed, or taken away by null.
absl::StatusOr<ModelConfig> ParseWith(const std::string& model,
                                      const std::string& key,
                                      const json& value) {
  json config = FixtureConfig(model);
  config[key] = value;
  return Parse(config);
}

TEST(HfConfigTest, ReadsTheSpellingOfTransformers4) {
  const auto config = ReadModelConfig(FixturePath("models/tiny-llama"));

  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->family, ModelConfig::Family::kLlama);
  EXPECT_EQ(config->vocab_size, 320);
  EXPECT_EQ(config->hidden_size, 64);
  EXPECT_EQ(config->intermediate_size, 96);
  EXPECT_EQ(config->num_layers, 2);
  EXPECT_EQ(config->num_heads, 4);
  EXPECT_EQ(config->num_kv_heads, 2);
  EXPECT_EQ(config->head_dim, 16);
  EXPECT_EQ(config->rms_norm_eps, 1e-5);
  EXPECT_EQ(config->rope_theta, 10000.0);
  ASSERT_TRUE(config->rope_scaling.has_value());
  EXPECT_EQ(config->rope_scaling->original_max_position_embeddings, 32);
  EXPECT_FALSE(config->tie_word_embeddings);
  EXPECT_FALSE(config->qkv_bias);
  EXPECT_EQ(config->bos_token_id, 0);
  EXPECT_EQ(config->eos_token_ids, (std::vector<int64_t>{1, 4}));
}

TEST(HfConfigTest, RefusesMoreLayersThanThereCanBe) {
  EXPECT_THAT(ParseWith("tiny-llama", "num_hidden_layers", 4097),
              Fails(absl::StatusCode::kInvalidArgument,
                    Parts{"num_hidden_layers", "4097", "4096"}));
}

TEST(HfConfigTest, ReadsTheSpellingOfTransformers5) {
  const auto config = ReadModelConfig(FixturePath("models/tiny-qwen2"));

  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->family, ModelConfig::Family::kQwen2);
  EXPECT_EQ(config->rope_theta, 1000000.0);
  EXPECT_FALSE(config->rope_scaling.has_value());
  EXPECT_TRUE(config->tie_word_embeddings);
  EXPECT_TRUE(config->qkv_bias);
  EXPECT_EQ(config->head_dim, 16);
  EXPECT_EQ(config->bos_token_id, std::nullopt);
  EXPECT_EQ(config->pad_token_id, 0);
}

TEST(HfConfigTest, FillsInWhatIsAbsent) {
  json config = FixtureConfig("tiny-llama");
  for (const char* key : {"num_key_value_heads", "head_dim", "rms_norm_eps",
                          "rope_theta", "rope_scaling", "architectures"}) {
    config.erase(key);
  }

  const auto parsed = Parse(config);

  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->num_kv_heads, 4);
  EXPECT_EQ(parsed->head_dim, 16);
  EXPECT_EQ(parsed->rms_norm_eps, 1e-6);
  EXPECT_EQ(parsed->rope_theta, 10000.0);
}

TEST(HfConfigTest, IgnoresKeysThatChangeNoNumber) {
  EXPECT_THAT(ParseWith("tiny-llama", "use_cache", false), IsOk());
  EXPECT_THAT(ParseWith("tiny-llama", "of_the_future", 1), IsOk());
  // Qwen's width that use_sliding_window turns off.
  EXPECT_THAT(ParseWith("tiny-qwen2", "sliding_window", 4096), IsOk());
}

struct Refused {
  std::string model;
  std::string key;
  json value;
};

TEST(HfConfigTest, RefusesByNameWhatItDoesNotBuild) {
  const std::vector<Refused> cases = {
      {"tiny-llama", "model_type", "mamba"},
      {"tiny-llama", "model_type", nullptr},
      {"tiny-llama", "architectures", json::array({"MambaForCausalLM"})},
      {"tiny-llama", "hidden_act", "gelu"},
      {"tiny-llama", "attention_bias", true},
      {"tiny-llama", "mlp_bias", true},
      {"tiny-llama", "attention_dropout", 0.1},
      {"tiny-llama", "partial_rotary_factor", 0.5},
      {"tiny-llama", "sliding_window", 4096},
      {"tiny-llama", "quantization_config", {{"bits", 4}}},
      {"tiny-llama", "rope_scaling", {{"type", "yarn"}, {"factor", 2.0}}},
      {"tiny-llama", "rope_scaling", 2},
      {"tiny-qwen2", "use_sliding_window", true},
      {"tiny-qwen2", "layer_types", json::array({"sliding_attention"})},
      {"tiny-llama", "vocab_size", nullptr},
      {"tiny-llama", "vocab_size", 0},
      {"tiny-llama", "vocab_size", "320"},
      {"tiny-llama", "hidden_size", -64},
      {"tiny-llama", "hidden_size", 1e300},
      {"tiny-llama", "num_hidden_layers", 1 << 30},
      {"tiny-llama", "num_key_value_heads", 3},
      {"tiny-llama", "head_dim", 15},
      {"tiny-llama", "rms_norm_eps", 0},
      {"tiny-llama", "tie_word_embeddings", "no"},
      {"tiny-llama", "eos_token_id", "</s>"}};
  for (const Refused& refused : cases) {
    EXPECT_THAT(ParseWith(refused.model, refused.key, refused.value),
                Fails(absl::StatusCode::kInvalidArgument,
                      Parts{"m/config.json", refused.key, "allowed"}))
        << refused.key << " = " << refused.value;
  }
}

TEST(HfConfigTest, NamesWhatIsWrongInsideRopeScaling) {
  json config = FixtureConfig("tiny-llama");
  config["rope_scaling"].erase("low_freq_factor");

  EXPECT_THAT(Parse(config), Fails(absl::StatusCode::kInvalidArgument,
                                   Parts{"rope_scaling.low_freq_factor"}));
}

TEST(HfConfigTest, RefusesWhatIsNoJsonObject) {
  for (const char* text : {"", "[]", "{\"model_type\": ", "null"}) {
    EXPECT_THAT(
        ParseModelConfig(text, "m/config.json"),
        Fails(absl::StatusCode::kInvalidArgument, Parts{"m/config.json"}))
        << text;
  }
}

TEST(HfConfigTest, NamesAMissingModel) {
  const testing::ScopedTempDir dir;

  EXPECT_THAT(
      ReadModelConfig(dir.Path("none")),
      Fails(absl::StatusCode::kNotFound, Parts{dir.Path("none/config.json")}));
}

}  // namespace
}  // namespace lockstep
