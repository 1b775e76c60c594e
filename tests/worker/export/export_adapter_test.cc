#include "worker/export/export_adapter.h"

#include "tests/testing/temp_dir.h"
#include "tests/worker/io/io_testing.h"
#include "worker/io/file.h"
#include "worker/io/safetensors.h"

namespace lockstep {
namespace {

using ::testing::Contains;
using testing::Fails;
using testing::FixturePath;
using testing::IsOk;
using testing::Parts;
using testing::ReadText;
using testing::ScopedTempDir;

ExportOptions OptionsFor(const std::string& output) {
  return {.checkpoint = FixturePath("adapters/tiny-llama-r8"),
          .base = FixturePath("models/tiny-llama"),
          .output = output};
}

TEST(ExportAdapterTest, TheFolderHasTheAdapterAndTheTokenizer) {
  const ScopedTempDir dir;
  ExportOptions options = OptionsFor(dir.Path("out"));
  options.chat_template = "{{ messages }}";

  ASSERT_TRUE(HoldsAdapter(options.checkpoint));
  ASSERT_THAT(ExportAdapter(options), IsOk());

  const std::vector<std::string> files = *ListFiles(dir.Path("out"));
  for (const char* name : {"adapter_config.json", "adapter_model.safetensors",
                           "README.md", "tokenizer.json"}) {
    EXPECT_THAT(files, Contains(std::string(name)));
  }
  EXPECT_EQ(ReadText(dir.Path("out/chat_template.jinja")), "{{ messages }}");
  const auto before =
      SafetensorsFile::Open(options.checkpoint + "/adapter_model.safetensors");
  const auto after =
      SafetensorsFile::Open(dir.Path("out/adapter_model.safetensors"));
  ASSERT_THAT(after, IsOk());
  ASSERT_EQ(after->tensors().size(), before->tensors().size());
  for (const TensorInfo& tensor : after->tensors()) {
    std::vector<float> a(NumElements(tensor.shape)), b(a.size());
    ASSERT_THAT(before->ReadFloat32(tensor.name, tensor.shape, a.data()),
                IsOk());
    ASSERT_THAT(after->ReadFloat32(tensor, b.data()), IsOk());
    EXPECT_EQ(a, b) << tensor.name;
  }
}

TEST(ExportAdapterTest, RefusesWhatDoesNotFitAndWritesNothing) {
  const ScopedTempDir dir;
  ExportOptions options = OptionsFor(dir.Path("out"));
  options.dtype = "bf16";
  EXPECT_THAT(ExportAdapter(options), Fails(absl::StatusCode::kInvalidArgument,
                                            Parts{"--dtype bf16", "--merge"}));
  options = OptionsFor(dir.Path("out"));
  options.base = FixturePath("models/tiny-qwen2");
  EXPECT_THAT(ExportAdapter(options),
              Fails(absl::StatusCode::kInvalidArgument,
                    Parts{"adapter_model.safetensors"}));
  options = OptionsFor(dir.Path("out"));
  options.checkpoint = dir.Path("none");
  EXPECT_FALSE(HoldsAdapter(options.checkpoint));
  EXPECT_THAT(ExportAdapter(options),
              Fails(absl::StatusCode::kNotFound, Parts{dir.Path("none")}));
  EXPECT_FALSE(FileExists(dir.Path("out")));
}

}  // namespace
}  // namespace lockstep
