#include "worker/export/export_merged.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "tests/testing/temp_dir.h"
#include "tests/worker/io/checkpoint_fixture.h"
#include "tests/worker/io/file_size_limit.h"
#include "tests/worker/io/io_testing.h"
#include "worker/io/float_conversion.h"
#include "worker/io/hf_config.h"
#include "worker/io/peft_adapter.h"
#include "worker/io/weight_map.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using testing::Fails;
using testing::FixturePath;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::Parts;
using testing::ReadText;
using testing::RunOracle;
using testing::ScopedTempDir;

const char kQProj[] = "model.layers.0.self_attn.q_proj.weight";

ExportOptions TinyLlamaOptions(const std::string& output) {
  return {.checkpoint = FixturePath("adapters/tiny-llama-r8"),
          .base = FixturePath("models/tiny-llama"),
          .output = output};
}

std::vector<float> ReadQProj(const std::string& dir) {
  std::vector<float> values(64 * 64);
  EXPECT_THAT(
      WeightSource::Open(dir)->ReadFloat32(kQProj, {64, 64}, values.data()),
      IsOk());
  return values;
}

std::string FirstDocument(const std::string& golden) {
  const auto json = nlohmann::json::parse(
      ReadText(FixturePath("golden/" + golden + ".forward.json")));
  std::string ids;
  for (const auto& id : json["documents"][0]["input_ids"]) {
    absl::StrAppend(&ids, ids.empty() ? "" : ",", id.get<int>());
  }
  return ids;
}

// Transformers loads the merged model and computes what PEFT computes with the
// adapter, and what the goldens say.
TEST(ExportMergedTest, TransformersAgreesWithTheAdapter) {
  for (const auto& [model, adapter] :
       {std::pair("tiny-llama", "tiny-llama-r8"),
        std::pair("tiny-qwen2", "tiny-qwen2-r8-rs")}) {
    const ScopedTempDir dir;
    const std::string base = FixturePath(absl::StrCat("models/", model));
    const std::string adapter_dir =
        FixturePath(absl::StrCat("adapters/", adapter));

    ASSERT_THAT(ExportMerged({.checkpoint = adapter_dir,
                              .base = base,
                              .output = dir.Path("out")}),
                IsOk());

    const auto result = RunOracle(absl::StrCat(
        testing::SourcePath("tests/oracle/check_peft.py"), " --ids ",
        FirstDocument(adapter), " --model ", base, " --adapter ", adapter_dir,
        " --merged ", dir.Path("out"), " --expect ",
        FixturePath(
            absl::StrCat("golden/", adapter, ".forward.logits.safetensors")),
        " --tol 1e-5"));
    EXPECT_TRUE(result.ok) << result.output;
    EXPECT_THAT(result.output, HasSubstr("check_peft: ok"));
  }
}

TEST(ExportMergedTest, CopiesWhatIsNotWeights) {
  const ScopedTempDir dir;

  ExportOptions options = TinyLlamaOptions(dir.Path("out"));
  options.chat_template = "{{ messages }}";
  ASSERT_THAT(ExportMerged(options), IsOk());

  EXPECT_EQ(ReadText(dir.Path("out/chat_template.jinja")), "{{ messages }}");
  EXPECT_THAT(*ListFiles(dir.Path("out")),
              ElementsAre("chat_template.jinja", "config.json",
                          "generation_config.json", "model.safetensors",
                          "special_tokens_map.json", "tokenizer.json",
                          "tokenizer_config.json"));
  for (const char* name : {"config.json", "tokenizer.json"}) {
    EXPECT_EQ(ReadText(dir.Path("out/" + std::string(name))),
              ReadText(FixturePath("models/tiny-llama/" + std::string(name))));
  }
}

TEST(ExportMergedTest, RoundsOnceToTheDtypeAskedFor) {
  const ScopedTempDir dir;
  ExportOptions options = TinyLlamaOptions(dir.Path("float32"));
  options.dtype = "float32";
  ASSERT_THAT(ExportMerged(options), IsOk());
  options.output = dir.Path("bf16");
  options.dtype = "bf16";
  ASSERT_THAT(ExportMerged(options), IsOk());

  const std::vector<float> exact = ReadQProj(dir.Path("float32"));
  const std::vector<float> rounded = ReadQProj(dir.Path("bf16"));
  for (size_t i = 0; i < exact.size(); ++i) {
    ASSERT_EQ(rounded[i], Bfloat16ToFloat32(Float32ToBfloat16(exact[i]))) << i;
  }
  EXPECT_THAT(ReadText(dir.Path("bf16/config.json")),
              HasSubstr("\"torch_dtype\": \"bfloat16\""));
}

TEST(ExportMergedTest, KeepsTheDtypeOfTheBase) {
  const ScopedTempDir dir;
  ExportOptions options = TinyLlamaOptions(dir.Path("bf16"));
  options.dtype = "bf16";
  ASSERT_THAT(ExportMerged(options), IsOk());

  options.base = dir.Path("bf16");
  options.output = dir.Path("again");
  options.dtype = "source";
  ASSERT_THAT(ExportMerged(options), IsOk());

  EXPECT_EQ(WeightSource::Open(dir.Path("again"))->Find(kQProj)->dtype, "BF16");
}

// A model of float32 weights as a full fine-tune's checkpoint holds them.
TEST(ExportMergedTest, WritesAFullFineTuneAsItIs) {
  const ScopedTempDir dir;
  const std::string base = FixturePath("models/tiny-llama");

  ASSERT_THAT(
      ExportMerged(
          {.checkpoint = base, .base = base, .output = dir.Path("out")}),
      IsOk());

  EXPECT_EQ(ReadQProj(dir.Path("out")), ReadQProj(base));
}

TEST(ExportMergedTest, VerifiesACheckpointFirst) {
  const ScopedTempDir dir;
  const std::string base = FixturePath("models/tiny-llama");
  const auto adapter =
      SafetensorsFile::Open(FixturePath("adapters/tiny-llama-r8/"
                                        "adapter_model.safetensors"));
  ASSERT_THAT(adapter, IsOk());
  std::vector<std::vector<float>> values;
  CheckpointContents contents{
      .state = testing::SampleState(),
      .weights_stem = "adapter_model",
      .files = {{kAdapterConfigFile,
                 ReadText(FixturePath(
                     "adapters/tiny-llama-r8/adapter_config.json"))}}};
  for (const TensorInfo& tensor : adapter->tensors()) {
    values.emplace_back(NumElements(tensor.shape));
    ASSERT_THAT(adapter->ReadFloat32(tensor, values.back().data()), IsOk());
    contents.weights.push_back(
        {tensor.name, tensor.shape, values.back().data()});
  }
  ASSERT_THAT(WriteCheckpoint(testing::AgreeingOptions(dir.path()), contents),
              IsOk());
  const std::string checkpoint = dir.Path("checkpoint-100");

  EXPECT_THAT(
      ExportMerged(
          {.checkpoint = checkpoint, .base = base, .output = dir.Path("good")}),
      IsOk());
  ASSERT_THAT(ExportMerged(TinyLlamaOptions(dir.Path("direct"))), IsOk());
  EXPECT_EQ(ReadQProj(dir.Path("good")), ReadQProj(dir.Path("direct")));

  const std::string weights = JoinPath(checkpoint, "adapter_model.safetensors");
  std::string text = ReadText(weights);
  text.back() ^= 1;
  testing::WriteText(weights, text);
  EXPECT_THAT(
      ExportMerged(
          {.checkpoint = checkpoint, .base = base, .output = dir.Path("bad")}),
      Fails(absl::StatusCode::kDataLoss, Parts{weights}));
  EXPECT_FALSE(FileExists(dir.Path("bad")));
}

TEST(ExportMergedTest, RefusesWhatDoesNotFitAndWritesNothing) {
  const ScopedTempDir dir;
  ExportOptions options = TinyLlamaOptions(dir.Path("out"));
  options.base = FixturePath("models/tiny-qwen2");
  EXPECT_THAT(ExportMerged(options),
              Fails(absl::StatusCode::kInvalidArgument,
                    Parts{"adapter_model.safetensors", "mlp."}));
  options = TinyLlamaOptions(dir.Path("out"));
  options.dtype = "fp8";
  EXPECT_THAT(ExportMerged(options),
              Fails(absl::StatusCode::kInvalidArgument, Parts{"fp8", "bf16"}));
  options = TinyLlamaOptions(dir.Path("out"));
  options.base = dir.Path("none");
  EXPECT_THAT(
      ExportMerged(options),
      Fails(absl::StatusCode::kNotFound, Parts{dir.Path("none/config.json")}));
  options = TinyLlamaOptions(dir.Path("out"));
  options.checkpoint = dir.Path("none");
  EXPECT_THAT(ExportMerged(options),
              Fails(absl::StatusCode::kNotFound, Parts{dir.Path("none")}));

  EXPECT_FALSE(FileExists(dir.Path("out")));
  EXPECT_FALSE(FileExists(dir.Path("out.unfinished")));
}

TEST(ExportMergedTest, DoesNotWriteIntoAFolderThatIsNotEmpty) {
  const ScopedTempDir dir;
  testing::WriteText(dir.Path("mine"), "");

  EXPECT_THAT(ExportMerged(TinyLlamaOptions(dir.path())),
              Fails(absl::StatusCode::kFailedPrecondition,
                    Parts{dir.path(), "not an empty folder"}));
}

TEST(ExportMergedTest, AFullDiskLeavesNothing) {
  const ScopedTempDir dir;
  const testing::ScopedFileSizeLimit limit(100000);

  EXPECT_THAT(
      ExportMerged(TinyLlamaOptions(dir.Path("out"))),
      Fails(absl::StatusCode::kResourceExhausted, Parts{"model.safetensors"}));

  EXPECT_THAT(*ListFiles(dir.path()), IsEmpty());
  EXPECT_FALSE(FileExists(dir.Path("out")));
  EXPECT_FALSE(FileExists(dir.Path("out.unfinished")));
}

}  // namespace
}  // namespace lockstep
