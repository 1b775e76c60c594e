#include "worker/io/peft_adapter.h"

#include <cmath>

#include "nlohmann/json.hpp"
#include "tests/testing/temp_dir.h"
#include "tests/worker/io/io_testing.h"
#include "worker/io/hf_config.h"

namespace lockstep {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using testing::Fails;
using testing::FixturePath;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::Parts;
using testing::ReadText;
using testing::ScopedTempDir;
using testing::WriteText;

ModelConfig TinyLlama() {
  return *ReadModelConfig(FixturePath("models/tiny-llama"));
}

json AdapterConfig(const std::string& adapter) {
  return json::parse(
      ReadText(FixturePath("adapters/" + adapter + "/adapter_config.json")));
}

absl::StatusOr<PeftConfig> ParseWith(const std::string& key,
                                     const json& value) {
  json config = AdapterConfig("tiny-llama-r8");
  config[key] = value;
  return ParsePeftConfig(config.dump(), "a/adapter_config.json");
}

TEST(PeftConfigTest, ReadsWhatPeftWrites) {
  const auto config = ReadPeftConfig(FixturePath("adapters/tiny-llama-r80"));

  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->r, 80);
  EXPECT_EQ(config->lora_alpha, 40);
  EXPECT_EQ(config->scale(), 0.5);
  EXPECT_THAT(config->target_modules, ElementsAre("down_proj", "q_proj"));
  EXPECT_EQ(config->base_model_name_or_path, "tiny-llama");
}

TEST(PeftConfigTest, ScalesByTheRootWithRslora) {
  const auto config = ReadPeftConfig(FixturePath("adapters/tiny-qwen2-r8-rs"));

  ASSERT_THAT(config, IsOk());
  EXPECT_TRUE(config->use_rslora);
  EXPECT_DOUBLE_EQ(config->scale(), 16 / std::sqrt(8.0));
}

TEST(PeftConfigTest, WritesWhatPeftWrites) {
  for (const char* adapter :
       {"tiny-llama-r8", "tiny-llama-r80", "tiny-qwen2-r8-rs"}) {
    const std::string text = ReadText(FixturePath(
        "adapters/" + std::string(adapter) + "/adapter_config.json"));

    const auto config = ParsePeftConfig(text, "adapter_config.json");

    ASSERT_THAT(config, IsOk());
    EXPECT_EQ(PeftConfigToJson(*config), text);
  }
}

TEST(PeftConfigTest, UnderstandsAllLinear) {
  const auto config = ParseWith("target_modules", "all-linear");

  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->target_modules.size(), 7u);
}

TEST(PeftConfigTest, IgnoresUnknownKeys) {
  EXPECT_THAT(ParseWith("of_the_future", 1), IsOk());
}

TEST(PeftConfigTest, RefusesByNameWhatItDoesNotBuild) {
  const std::vector<std::pair<std::string, json>> cases = {
      {"peft_type", "LOHA"},
      {"task_type", "SEQ_CLS"},
      {"bias", "all"},
      {"fan_in_fan_out", true},
      {"use_dora", true},
      {"use_qalora", true},
      {"lora_bias", true},
      {"modules_to_save", {"lm_head"}},
      {"layers_to_transform", {0}},
      {"layer_replication", json::array({json::array({0, 1})})},
      {"rank_pattern", {{"q_proj", 4}}},
      {"alpha_pattern", {{"q_proj", 4}}},
      {"exclude_modules", {"q_proj"}},
      {"trainable_token_indices", {1}},
      {"target_parameters", {"x"}},
      {"init_lora_weights", "pissa"},
      {"megatron_config", {{"tp", 2}}},
      {"target_modules", {"embed_tokens"}},
      {"target_modules", ".*_proj"},
      {"target_modules", json::array()},
      {"target_modules", nullptr},
      {"r", 0},
      {"r", "8"},
      {"r", nullptr},
      {"lora_alpha", "16"},
      {"lora_alpha", -1},
      {"lora_dropout", 1.0},
      {"use_rslora", "yes"}};
  for (const auto& [key, value] : cases) {
    EXPECT_THAT(ParseWith(key, value),
                Fails(absl::StatusCode::kInvalidArgument,
                      Parts{"a/adapter_config.json: " + key, "allowed"}))
        << key << " = " << value;
  }
  EXPECT_THAT(ParsePeftConfig("{}", "a.json"),
              Fails(absl::StatusCode::kInvalidArgument, Parts{"peft_type"}));
  EXPECT_THAT(ParsePeftConfig("[", "a.json"),
              Fails(absl::StatusCode::kInvalidArgument, Parts{"a.json"}));
}

TEST(PeftConfigTest, SurvivesAPathThatIsNotUtf8) {
  PeftConfig config;
  config.base_model_name_or_path = "/m/\xff";
  config.target_modules = {"q_proj"};

  EXPECT_THAT(ParsePeftConfig(PeftConfigToJson(config), "a.json"), IsOk());
  EXPECT_THAT(AdapterReadme(config), HasSubstr("base_model: \"/m/"));
}

TEST(PeftAdapterTest, ReadsWhatPeftWrites) {
  const auto adapter =
      PeftAdapter::Open(FixturePath("adapters/tiny-llama-r8"), TinyLlama());

  ASSERT_THAT(adapter, IsOk());
  std::vector<float> b(96 * 8);
  EXPECT_THAT(
      adapter->ReadFloat32(LoraTensorName("model.layers.1.mlp.up_proj", 'B'),
                           {96, 8}, b.data()),
      IsOk());
  EXPECT_NE(b[0], 0);
}

TEST(PeftAdapterTest, ReadsBackWhatItWrites) {
  const ScopedTempDir dir;
  PeftConfig config;
  config.base_model_name_or_path = "/models/tiny";
  config.r = 2;
  config.lora_alpha = 3;
  config.target_modules = {"v_proj"};
  testing::TensorSet set;
  float first = 1;
  for (const auto& [name, shape] :
       ExpectedAdapterTensors(TinyLlama(), config)) {
    set.Add(name, shape, first++);
  }

  ASSERT_THAT(WritePeftAdapter(dir.path(), config, set.tensors()), IsOk());

  EXPECT_THAT(*ListFiles(dir.path()),
              ElementsAre("README.md", "adapter_config.json",
                          "adapter_model.safetensors"));
  const auto adapter = PeftAdapter::Open(dir.path(), TinyLlama());
  ASSERT_THAT(adapter, IsOk());
  std::vector<float> a(2 * 64);
  ASSERT_THAT(adapter->ReadFloat32(
                  LoraTensorName("model.layers.0.self_attn.v_proj", 'A'),
                  {2, 64}, a.data()),
              IsOk());
  EXPECT_EQ(a, set.values(0));
}

TEST(PeftAdapterTest, NamesATensorThatDoesNotFit) {
  const std::string r8 = FixturePath("adapters/tiny-llama-r8");
  ModelConfig other = TinyLlama();
  other.intermediate_size = 80;
  EXPECT_THAT(PeftAdapter::Open(r8, other),
              Fails(absl::StatusCode::kInvalidArgument,
                    Parts{"mlp.", "96", "80", "ask for"}));
  other = TinyLlama();
  other.num_layers = 1;
  EXPECT_THAT(PeftAdapter::Open(r8, other),
              Fails(absl::StatusCode::kInvalidArgument,
                    Parts{"layers.1.", "ask for none"}));
  other.num_layers = 3;
  EXPECT_THAT(PeftAdapter::Open(r8, other),
              Fails(absl::StatusCode::kInvalidArgument,
                    Parts{"layers.2.", "is missing"}));
}

TEST(PeftAdapterTest, RefusesIntegersAsWeights) {
  const ScopedTempDir dir;
  PeftConfig config;
  config.r = 1;
  config.target_modules = {"q_proj"};
  WriteText(dir.Path("adapter_config.json"), PeftConfigToJson(config));
  ModelConfig model = TinyLlama();
  model.num_layers = 1;
  const std::vector<int64_t> zeros(64);
  std::vector<TensorToWrite> tensors;
  for (const auto& [name, shape] : ExpectedAdapterTensors(model, config)) {
    tensors.push_back({name, "I64", shape, zeros.data()});
  }
  ASSERT_THAT(WriteSafetensors(dir.Path("adapter_model.safetensors"), tensors,
                               {}, /*sync=*/false),
              IsOk());

  EXPECT_THAT(PeftAdapter::Open(dir.path(), model),
              Fails(absl::StatusCode::kInvalidArgument, Parts{"I64"}));
}

TEST(PeftAdapterTest, NamesTheFileThatIsMissing) {
  const ScopedTempDir dir;
  EXPECT_THAT(PeftAdapter::Open(dir.path(), TinyLlama()),
              Fails(absl::StatusCode::kNotFound,
                    Parts{dir.Path("adapter_config.json")}));

  WriteText(dir.Path("adapter_config.json"),
            AdapterConfig("tiny-llama-r8").dump());
  EXPECT_THAT(PeftAdapter::Open(dir.path(), TinyLlama()),
              Fails(absl::StatusCode::kNotFound,
                    Parts{dir.Path("adapter_model.safetensors")}));
}

}  // namespace
}  // namespace lockstep
