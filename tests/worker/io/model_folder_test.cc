#include "worker/io/model_folder.h"

#include <algorithm>

#include "nlohmann/json.hpp"
#include "tests/testing/temp_dir.h"
#include "tests/worker/io/io_testing.h"
#include "worker/io/hf_config.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using testing::Fails;
using testing::FixturePath;
using testing::IsOk;
using testing::Parts;
using testing::ReadText;
using testing::ScopedTempDir;
using testing::WriteText;

// All weights of a model folder, read into memory.
class LoadedModel {
 public:
  explicit LoadedModel(const std::string& dir) {
    const ModelConfig config = *ReadModelConfig(dir);
    const WeightSource source = *WeightSource::Open(dir);
    for (const ExpectedTensor& tensor : ExpectedTensors(config)) {
      values_.emplace_back(NumElements(tensor.shape));
      EXPECT_THAT(
          source.ReadFloat32(tensor.name, tensor.shape, values_.back().data()),
          IsOk());
      tensors_.push_back({tensor.name, tensor.shape, values_.back().data()});
    }
  }
  std::vector<NamedTensor> tensors_;
  std::vector<std::vector<float>> values_;
};

TEST(ModelFolderTest, WritesTheSameModelAgain) {
  for (const char* name : {"tiny-llama", "tiny-qwen2"}) {
    const ScopedTempDir dir;
    const std::string source = FixturePath("models/" + std::string(name));
    const LoadedModel model(source);

    ASSERT_THAT(
        WriteModelFolder(dir.path(), {.source_dir = source}, model.tensors_),
        IsOk());

    EXPECT_EQ(LoadedModel(dir.path()).values_, model.values_);
    const std::vector<std::string> files = *ListFiles(source);
    for (const std::string& file : files) {
      if (file.find("model") == 0) continue;
      EXPECT_EQ(ReadText(dir.Path(file)), ReadText(JoinPath(source, file)))
          << file;
    }
  }
}

TEST(ModelFolderTest, TheOrderOfTheTensorsDoesNotMatter) {
  const ScopedTempDir dir;
  const std::string source = FixturePath("models/tiny-llama");
  LoadedModel model(source);
  std::reverse(model.tensors_.begin(), model.tensors_.end());

  ASSERT_THAT(
      WriteModelFolder(dir.path(), {.source_dir = source}, model.tensors_),
      IsOk());

  EXPECT_EQ(LoadedModel(dir.path()).values_, model.values_);
}

TEST(ModelFolderTest, ChangesNothingOfConfigButTheDtype) {
  for (const auto& [name, key] : {std::pair("tiny-llama", "torch_dtype"),
                                  std::pair("tiny-qwen2", "dtype")}) {
    const ScopedTempDir dir;
    const std::string source = FixturePath("models/" + std::string(name));

    ASSERT_THAT(CopyModelConfig(source, dir.path(), "BF16"), IsOk());

    auto before =
        nlohmann::ordered_json::parse(ReadText(source + "/config.json"));
    const auto after =
        nlohmann::ordered_json::parse(ReadText(dir.Path("config.json")));
    EXPECT_EQ(after[key], "bfloat16");
    before[key] = "bfloat16";
    EXPECT_EQ(after.dump(), before.dump());
  }
}

TEST(ModelFolderTest, StoresEachTensorAsItsSourceDoes) {
  const ScopedTempDir half, again;
  const std::string source = FixturePath("models/tiny-llama");
  const LoadedModel model(source);
  ASSERT_THAT(
      WriteModelFolder(half.path(), {.source_dir = source, .dtype = "BF16"},
                       model.tensors_),
      IsOk());

  ASSERT_THAT(WriteModelFolder(again.path(), {.source_dir = half.path()},
                               model.tensors_),
              IsOk());

  EXPECT_EQ(WeightSource::Open(again.path())->Find("model.norm.weight")->dtype,
            "BF16");
  EXPECT_EQ(ReadText(again.Path("model.safetensors")),
            ReadText(half.Path("model.safetensors")));
  EXPECT_EQ(ReadText(again.Path("config.json")),
            ReadText(half.Path("config.json")));
}

TEST(ModelFolderTest, CutsIntoShardsWithAnIndex) {
  const ScopedTempDir dir;
  const std::string source = FixturePath("models/tiny-llama");
  const LoadedModel model(source);

  ASSERT_THAT(WriteModelFolder(
                  dir.path(), {.source_dir = source, .max_shard_bytes = 100000},
                  model.tensors_),
              IsOk());

  EXPECT_FALSE(FileExists(dir.Path("model.safetensors")));
  const auto index =
      nlohmann::json::parse(ReadText(dir.Path("model.safetensors.index.json")));
  EXPECT_EQ(index["metadata"]["total_size"],
            4 * CountParameters(*ReadModelConfig(source)));
  EXPECT_EQ(LoadedModel(dir.path()).values_, model.values_);
}

TEST(ModelFolderTest, NamesATensorThatDoesNotFit) {
  const ScopedTempDir dir;
  const std::string source = FixturePath("models/tiny-llama");
  LoadedModel model(source);

  model.tensors_.front().shape = {64, 320};
  EXPECT_THAT(
      WriteModelFolder(dir.path(), {.source_dir = source}, model.tensors_),
      Fails(absl::StatusCode::kInvalidArgument,
            Parts{"model.embed_tokens.weight", "[320, 64]", "[64, 320]"}));
  model.tensors_.front().name = "other";
  EXPECT_THAT(
      WriteModelFolder(dir.path(), {.source_dir = source}, model.tensors_),
      Fails(absl::StatusCode::kInvalidArgument,
            Parts{"model.embed_tokens.weight", "given is none"}));
  model.tensors_.pop_back();
  EXPECT_THAT(
      WriteModelFolder(dir.path(), {.source_dir = source}, model.tensors_),
      Fails(absl::StatusCode::kInvalidArgument, Parts{"21 tensors", "20"}));
}

TEST(ModelFolderTest, RefusesAConfigThatIsNoObject) {
  const ScopedTempDir dir;
  WriteText(dir.Path("config.json"), "[]");

  EXPECT_THAT(CopyModelConfig(dir.path(), dir.Path("x"), "BF16"),
              Fails(absl::StatusCode::kInvalidArgument,
                    Parts{dir.Path("config.json")}));
}

}  // namespace
}  // namespace lockstep
