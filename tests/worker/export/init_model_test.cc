#include "worker/export/init_model.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "tests/testing/temp_dir.h"
#include "tests/worker/io/io_testing.h"
#include "worker/io/hf_config.h"
#include "worker/io/weight_map.h"

namespace lockstep {
namespace {

using testing::Fails;
using testing::FixturePath;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::Parts;
using testing::ReadText;
using testing::RunOracle;
using testing::ScopedTempDir;

InitModelOptions Options(const std::string& output) {
  return {.architecture = "llama",
          .hidden_size = 64,
          .layers = 2,
          .heads = 4,
          .kv_heads = 2,
          .intermediate_size = 176,
          .seed = 1,
          .tokenizer = FixturePath("models/tiny-llama"),
          .output = output};
}

std::vector<float> ReadTensor(const std::string& dir, const std::string& name) {
  const WeightSource source = *WeightSource::Open(dir);
  const TensorInfo info = *source.Find(name);
  std::vector<float> values(NumElements(info.shape));
  EXPECT_THAT(source.ReadFloat32(name, info.shape, values.data()), IsOk());
  return values;
}

TEST(InitModelTest, MakesWhatConfigAsksFor) {
  const ScopedTempDir dir;

  ASSERT_THAT(InitModel(Options(dir.Path("out"))), IsOk());

  const auto config = ReadModelConfig(dir.Path("out"));
  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(CheckWeights(dir.Path("out"), *config), IsOk());
  EXPECT_EQ(config->num_kv_heads, 2);
  EXPECT_EQ(config->intermediate_size, 176);
  EXPECT_EQ(config->vocab_size, 320);
  EXPECT_EQ(config->bos_token_id, 0);
  for (const char* name : {"tokenizer.json", "tokenizer_config.json"}) {
    EXPECT_EQ(ReadText(dir.Path("out/" + std::string(name))),
              ReadText(FixturePath("models/tiny-llama/" + std::string(name))));
  }
}

TEST(InitModelTest, WeightsAreNormalAndNormsAreOne) {
  const ScopedTempDir dir;
  ASSERT_THAT(InitModel(Options(dir.Path("out"))), IsOk());

  const std::vector<float> weights =
      ReadTensor(dir.Path("out"), "model.embed_tokens.weight");
  double sum = 0, squares = 0;
  int64_t beyond = 0;
  for (const float weight : weights) {
    sum += weight;
    squares += weight * weight;
    beyond += std::abs(weight) > 2 * 0.02;
  }
  const double count = static_cast<double>(weights.size());
  EXPECT_NEAR(sum / count, 0, 1e-3);
  EXPECT_NEAR(std::sqrt(squares / count), 0.02, 5e-4);
  // 4.55% of a normal distribution lie beyond two deviations.
  EXPECT_NEAR(static_cast<double>(beyond) / count, 0.0455, 0.006);
  for (const float scale : ReadTensor(dir.Path("out"), "model.norm.weight")) {
    EXPECT_EQ(scale, 1.0f);
  }
}

TEST(InitModelTest, TheSeedDecidesEveryByte) {
  const ScopedTempDir dir;
  ASSERT_THAT(InitModel(Options(dir.Path("a"))), IsOk());
  ASSERT_THAT(InitModel(Options(dir.Path("b"))), IsOk());
  InitModelOptions other = Options(dir.Path("c"));
  other.seed = 2;
  ASSERT_THAT(InitModel(other), IsOk());

  const std::string weights = ReadText(dir.Path("a/model.safetensors"));
  EXPECT_EQ(weights, ReadText(dir.Path("b/model.safetensors")));
  EXPECT_NE(weights, ReadText(dir.Path("c/model.safetensors")));
}

// Names what Transformers misses or did not expect in either family.
constexpr char kLoad[] = R"(
import sys, transformers
for folder in sys.argv[1:]:
    net, info = transformers.AutoModelForCausalLM.from_pretrained(
        folder, output_loading_info=True)
    wrong = {k: v for k, v in info.items() if v}
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    print(type(net).__name__, net.config.vocab_size, len(tokenizer), wrong)
)";

TEST(InitModelTest, TransformersLoadsBothFamilies) {
  const ScopedTempDir dir;
  InitModelOptions options = Options(dir.Path("llama"));
  ASSERT_THAT(InitModel(options), IsOk());
  options.architecture = "qwen2";
  options.tie_word_embeddings = true;
  options.tokenizer = FixturePath("models/tiny-qwen2");
  options.output = dir.Path("qwen2");
  ASSERT_THAT(InitModel(options), IsOk());
  testing::WriteText(dir.Path("load.py"), kLoad);

  const auto result = RunOracle(absl::StrCat(
      dir.Path("load.py"), " ", dir.Path("llama"), " ", dir.Path("qwen2")));

  EXPECT_THAT(result.output, HasSubstr("LlamaForCausalLM 320 320 {}"));
  EXPECT_THAT(result.output, HasSubstr("Qwen2ForCausalLM 340 340 {}"));
}

TEST(InitModelTest, RefusesBadOptionsByNameAndWritesNothing) {
  const ScopedTempDir dir;
  std::vector<std::pair<InitModelOptions, std::string>> cases(
      8, {Options(dir.Path("out")), ""});
  cases[0].first.architecture = "mamba";
  cases[0].second = "--architecture: \"mamba\"";
  cases[1].first.hidden_size = 0;
  cases[1].second = "--hidden-size: 0";
  cases[2].first.layers = -1;
  cases[2].second = "--layers: -1";
  cases[3].first.heads = 0;
  cases[3].second = "--heads: 0";
  cases[4].first.intermediate_size = 0;
  cases[4].second = "--intermediate-size: 0";
  cases[5].first.max_position_embeddings = 0;
  cases[5].second = "--max-position-embeddings: 0";
  cases[6].first.kv_heads = 3;
  cases[6].second = "num_key_value_heads: 3";
  cases[7].first.heads = 3;
  cases[7].first.kv_heads = 0;
  cases[7].second = "num_attention_heads: 3";
  for (const auto& [options, part] : cases) {
    EXPECT_THAT(InitModel(options),
                Fails(absl::StatusCode::kInvalidArgument, Parts{part}));
    EXPECT_FALSE(FileExists(dir.Path("out")));
  }
}

TEST(InitModelTest, NamesAMissingTokenizer) {
  const ScopedTempDir dir;
  InitModelOptions options = Options(dir.Path("out"));
  options.tokenizer = dir.Path("none");

  EXPECT_THAT(InitModel(options),
              Fails(absl::StatusCode::kNotFound,
                    Parts{dir.Path("none/tokenizer.json")}));
}

TEST(InitModelTest, DoesNotWriteIntoAFolderThatIsNotEmpty) {
  const ScopedTempDir dir;
  testing::WriteText(dir.Path("mine"), "");

  EXPECT_THAT(InitModel(Options(dir.path())),
              Fails(absl::StatusCode::kFailedPrecondition, Parts{dir.path()}));
}

}  // namespace
}  // namespace lockstep
