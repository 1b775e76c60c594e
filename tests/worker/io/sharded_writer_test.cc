#include "worker/io/sharded_writer.h"

#include "tests/testing/temp_dir.h"
#include "tests/worker/io/file_size_limit.h"
#include "tests/worker/io/io_testing.h"
#include "worker/io/weight_map.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using testing::Fails;
using testing::IsOk;
using testing::Parts;
using testing::ReadText;
using testing::ScopedTempDir;
using testing::TensorSet;

TensorSet ThreeTensors() {
  TensorSet set;
  set.Add("a", {2, 4}, 0);
  set.Add("b", {4}, 100);
  set.Add("c", {3}, 200);
  return set;
}

absl::StatusOr<std::vector<WrittenFile>> Write(const std::string& dir,
                                               const TensorSet& set,
                                               int64_t max_shard_bytes) {
  std::vector<TensorSpec> specs;
  for (const NamedTensor& tensor : set.tensors()) {
    specs.push_back({tensor.name, "F32", tensor.shape});
  }
  ShardedWriter writer(dir, "model", specs, max_shard_bytes);
  for (const NamedTensor& tensor : set.tensors()) {
    absl::Status status = writer.Append(tensor.data);
    if (!status.ok()) return status;
  }
  return writer.Finish();
}

std::vector<std::string> Names(const std::vector<WrittenFile>& files) {
  std::vector<std::string> names;
  names.reserve(files.size());
  for (const WrittenFile& file : files) names.push_back(file.name);
  return names;
}

TEST(ShardedWriterTest, WritesOneFileWhenAllFits) {
  const ScopedTempDir dir;

  const auto files = Write(dir.path(), ThreeTensors(), 60);

  ASSERT_THAT(files, IsOk());
  EXPECT_THAT(Names(*files), ElementsAre("model.safetensors"));
}

TEST(ShardedWriterTest, CutsWhereTheNextTensorDoesNotFit) {
  const ScopedTempDir dir;

  // 32, 16 and 12 bytes: the first two fill a shard.
  const auto files = Write(dir.path(), ThreeTensors(), 48);

  ASSERT_THAT(files, IsOk());
  EXPECT_THAT(Names(*files), ElementsAre("model-00001-of-00002.safetensors",
                                         "model-00002-of-00002.safetensors",
                                         "model.safetensors.index.json"));
  for (const WrittenFile& file : *files) {
    const std::string text = ReadText(dir.Path(file.name));
    EXPECT_EQ(file.digest.bytes, static_cast<int64_t>(text.size()));
    EXPECT_EQ(file.digest.sha256, Sha256Hex(text));
  }
}

TEST(ShardedWriterTest, ReadsBackWithAFileForEveryTensor) {
  const ScopedTempDir dir;
  TensorSet set = ThreeTensors();

  ASSERT_THAT(Write(dir.path(), set, 1), IsOk());

  const auto source = WeightSource::Open(dir.path());
  ASSERT_THAT(source, IsOk());
  EXPECT_EQ(source->files().size(), 3u);
  std::vector<float> read(4);
  ASSERT_THAT(source->ReadFloat32("b", {4}, read.data()), IsOk());
  EXPECT_EQ(read, set.values(1));
}

TEST(ShardedWriterTest, AFullDiskIsResourceExhausted) {
  const ScopedTempDir dir;
  TensorSet set;
  set.Add("w", {1000}, 0);
  const testing::ScopedFileSizeLimit limit(1000);

  EXPECT_THAT(Write(dir.path(), set, kMaxShardBytes),
              Fails(absl::StatusCode::kResourceExhausted,
                    Parts{dir.Path("model.safetensors")}));
}

}  // namespace
}  // namespace lockstep
