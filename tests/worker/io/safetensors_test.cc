#include "worker/io/safetensors.h"

#include <filesystem>

#include "tests/testing/temp_dir.h"
#include "tests/worker/io/file_size_limit.h"
#include "tests/worker/io/io_testing.h"

namespace lockstep {
namespace {

using testing::Fails;
using testing::FixturePath;
using testing::IsOk;
using testing::Parts;
using testing::ReadText;
using testing::ScopedTempDir;
using testing::WriteText;

std::string FileText(const std::string& header, const std::string& data) {
  const uint64_t length = header.size();
  std::string text(reinterpret_cast<const char*>(&length), sizeof(length));
  return text + header + data;
}

// One tensor "w" of float32 [2].
constexpr char kHeader[] =
    R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";

TEST(SafetensorsTest, ReadsBackWhatItWrites) {
  const ScopedTempDir dir;
  const std::vector<float> matrix = {1, 2, 3, 4, 5, 6};
  const std::vector<int64_t> ids = {7};

  const absl::StatusOr<FileDigest> digest =
      WriteSafetensors(dir.Path("f"),
                       {{"matrix", "F32", {2, 3}, matrix.data()},
                        {"ids", "I64", {1}, ids.data()},
                        {"scalar", "F32", {}, matrix.data()},
                        {"nothing", "F32", {0, 3}, nullptr}},
                       PytorchMetadata(), /*sync=*/true);

  ASSERT_THAT(digest, IsOk());
  const std::string text = ReadText(dir.Path("f"));
  EXPECT_EQ(digest->bytes, static_cast<int64_t>(text.size()));
  EXPECT_EQ(digest->sha256, Sha256Hex(text));
  const absl::StatusOr<SafetensorsFile> file =
      SafetensorsFile::Open(dir.Path("f"));
  ASSERT_THAT(file, IsOk());
  std::vector<float> read(6);
  ASSERT_THAT(file->ReadFloat32("matrix", {2, 3}, read.data()), IsOk());
  EXPECT_EQ(read, matrix);
  int64_t id = 0;
  ASSERT_THAT(file->ReadRaw(*file->Find("ids"), &id), IsOk());
  EXPECT_EQ(id, 7);
  EXPECT_EQ(file->tensors().size(), 4u);
}

TEST(SafetensorsTest, ConvertsNarrowTypes) {
  const ScopedTempDir dir;
  const std::vector<float> values = {0.5f, -2.0f};
  for (const char* dtype : {"BF16", "F16"}) {
    auto writer =
        SafetensorsWriter::Create(dir.Path("f"), {{"w", dtype, {2}}}, {});
    ASSERT_THAT(writer, IsOk());
    ASSERT_THAT((*writer)->AppendFloats(dtype, values.data(), 2), IsOk());
    ASSERT_THAT((*writer)->Finish(/*sync=*/false), IsOk());
    std::vector<float> read(2);

    const auto file = SafetensorsFile::Open(dir.Path("f"));
    ASSERT_THAT(file, IsOk());
    ASSERT_THAT(file->ReadFloat32("w", {2}, read.data()), IsOk());

    EXPECT_EQ(read, values);
  }
}

TEST(SafetensorsTest, ReadsAFileOfTransformers) {
  const auto file =
      SafetensorsFile::Open(FixturePath("models/tiny-llama/model.safetensors"));

  ASSERT_THAT(file, IsOk());
  EXPECT_EQ(file->Find("model.embed_tokens.weight")->shape,
            (std::vector<int64_t>{320, 64}));
}

TEST(SafetensorsTest, NamesWhatIsMissingOrOfAnotherShape) {
  const ScopedTempDir dir;
  WriteText(dir.Path("f"), FileText(kHeader, std::string(8, '\0')));
  const auto file = SafetensorsFile::Open(dir.Path("f"));
  ASSERT_THAT(file, IsOk());
  float out[2];

  EXPECT_THAT(file->Find("v"), Fails(absl::StatusCode::kNotFound,
                                     Parts{dir.Path("f"), "tensor v"}));
  EXPECT_THAT(file->ReadFloat32("w", {1, 2}, out),
              Fails(absl::StatusCode::kInvalidArgument,
                    Parts{dir.Path("f"), "tensor w", "[2]", "[1, 2]"}));
  EXPECT_THAT(SafetensorsFile::Open(dir.Path("g")),
              Fails(absl::StatusCode::kNotFound, Parts{dir.Path("g")}));
  EXPECT_THAT(
      SafetensorsFile::Open(dir.path()),
      Fails(absl::StatusCode::kInvalidArgument, Parts{"not a regular file"}));
}

TEST(SafetensorsTest, RefusesToReadIntegersAsFloats) {
  const ScopedTempDir dir;
  const int64_t id = 7;
  ASSERT_THAT(WriteSafetensors(dir.Path("f"), {{"ids", "I64", {1}, &id}}, {},
                               /*sync=*/false),
              IsOk());
  float out = 0;

  EXPECT_THAT(
      SafetensorsFile::Open(dir.Path("f"))->ReadFloat32("ids", {1}, &out),
      Fails(absl::StatusCode::kInvalidArgument,
            Parts{"tensor ids", "I64", "F32, BF16, F16"}));
}

struct BadFile {
  std::string what;
  std::string text;
  Parts parts;
};

TEST(SafetensorsTest, RefusesBadFilesByName) {
  const std::string good = FileText(kHeader, std::string(8, '\0'));
  std::string long_header = good;
  long_header[6] = 1;  // 2^48 bytes.
  const std::vector<BadFile> files = {
      {"too short", "1234", {"4 bytes"}},
      {"empty", "", {"0 bytes"}},
      {"header longer than the file", long_header, {"281474976710"}},
      {"data cut short", good.substr(0, good.size() - 1), {}},
      {"data too long", good + "x", {}},
      {"not JSON", FileText("{\"w\":", ""), {}},
      {"key twice",
       FileText(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                R"("w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                std::string(8, '\0')),
       {"w"}},
      {"shape against bytes",
       FileText(R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})",
                std::string(8, '\0')),
       {}},
      {"unknown dtype",
       FileText(R"({"w":{"dtype":"X9","shape":[2],"data_offsets":[0,8]}})",
                std::string(8, '\0')),
       {}},
      {"hole",
       FileText(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                std::string(8, '\0')),
       {}},
      {"overflow",
       FileText(R"({"w":{"dtype":"F32","shape":[4611686018427387904,4],)"
                R"("data_offsets":[0,8]}})",
                std::string(8, '\0')),
       {}}};
  const ScopedTempDir dir;
  const std::string path = dir.Path("f.safetensors");
  for (BadFile file : files) {
    WriteText(path, file.text);
    file.parts.push_back(path);

    EXPECT_THAT(SafetensorsFile::Open(path),
                Fails(absl::StatusCode::kInvalidArgument, file.parts))
        << file.what;
  }
}

TEST(SafetensorsTest, RefusesAHeaderThatNoModelNeeds) {
  const ScopedTempDir dir;
  const uint64_t length = 17 << 20;
  WriteText(dir.Path("f"),
            absl::string_view(reinterpret_cast<const char*>(&length), 8));
  std::filesystem::resize_file(dir.Path("f"), 20 << 20);  // Sparse.

  EXPECT_THAT(SafetensorsFile::Open(dir.Path("f")),
              Fails(absl::StatusCode::kInvalidArgument,
                    Parts{dir.Path("f"), "17825792", "16777216"}));
}

TEST(SafetensorsTest, AFileCutWhileItIsReadIsAnError) {
  const ScopedTempDir dir;
  const std::string text = FileText(kHeader, std::string(8, '\0'));
  WriteText(dir.Path("f"), text);
  const auto file = SafetensorsFile::Open(dir.Path("f"));
  ASSERT_THAT(file, IsOk());
  WriteText(dir.Path("f"), text.substr(0, text.size() - 4));
  float out[2];

  EXPECT_THAT(file->ReadFloat32("w", {2}, out),
              Fails(absl::StatusCode::kDataLoss,
                    Parts{dir.Path("f"), "4 bytes short"}));
}

TEST(SafetensorsTest, AFullDiskIsResourceExhausted) {
  const ScopedTempDir dir;
  const float values[100] = {};
  const testing::ScopedFileSizeLimit limit(200);

  EXPECT_THAT(
      WriteSafetensors(dir.Path("f"), {{"w", "F32", {100}, values}}, {},
                       /*sync=*/false),
      Fails(absl::StatusCode::kResourceExhausted, Parts{dir.Path("f")}));
}

}  // namespace
}  // namespace lockstep
