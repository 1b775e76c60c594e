#include "worker/io/file.h"

#include <sys/stat.h>

#include <filesystem>

#include "tests/testing/temp_dir.h"
#include "tests/worker/io/file_size_limit.h"
#include "tests/worker/io/io_testing.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using testing::Fails;
using testing::IsOk;
using testing::Parts;
using testing::ReadText;
using testing::ScopedFileSizeLimit;
using testing::ScopedTempDir;
using testing::WriteText;

TEST(FileTest, WritesAndReadsBack) {
  const ScopedTempDir dir;
  const std::string content("a\0b\n", 4);

  ASSERT_THAT(WriteWholeFile(dir.Path("f"), content, /*sync=*/true), IsOk());

  EXPECT_EQ(ReadText(dir.Path("f")), content);
}

TEST(FileTest, NamesAMissingFile) {
  EXPECT_THAT(ReadWholeFile("/nowhere/f"),
              Fails(absl::StatusCode::kNotFound, Parts{"/nowhere/f"}));
}

TEST(FileTest, RefusesAFileThatIsTooLong) {
  const ScopedTempDir dir;
  WriteText(dir.Path("f"), "12345");

  EXPECT_THAT(ReadWholeFile(dir.Path("f"), 4),
              Fails(absl::StatusCode::kInvalidArgument,
                    Parts{dir.Path("f"), "5 bytes", "4"}));
}

TEST(FileTest, DoesNotHangOnAFifo) {
  const ScopedTempDir dir;
  ASSERT_EQ(mkfifo(dir.Path("f").c_str(), 0600), 0);

  EXPECT_THAT(
      ReadWholeFile(dir.Path("f")),
      Fails(absl::StatusCode::kInvalidArgument, Parts{"not a regular file"}));
}

TEST(FileTest, AFullDiskIsResourceExhausted) {
  EXPECT_THAT(WriteWholeFile("/dev/full", "x"),
              Fails(absl::StatusCode::kResourceExhausted, Parts{"/dev/full"}));
  const ScopedTempDir dir;
  const ScopedFileSizeLimit limit(2);
  EXPECT_THAT(
      WriteWholeFile(dir.Path("f"), "12345"),
      Fails(absl::StatusCode::kResourceExhausted, Parts{dir.Path("f")}));
}

TEST(FileTest, NamesAFolderThatCannotBeMade) {
  const ScopedTempDir dir;
  WriteText(dir.Path("f"), "");

  EXPECT_THAT(MakeFolder(dir.Path("f/below")),
              Fails(absl::StatusCode::kNotFound, Parts{dir.Path("f/below")}));
}

TEST(WriteFilesIntoTest, AddsToWhatIsThere) {
  const ScopedTempDir dir;
  WriteText(dir.Path("old"), "old");
  WriteText(dir.Path("b"), "old");

  const absl::Status status =
      WriteFilesInto(dir.path(), "a", [](const std::string& unfinished) {
        WriteText(JoinPath(unfinished, "a"), "new");
        WriteText(JoinPath(unfinished, "b"), "new");
        return absl::OkStatus();
      });

  ASSERT_THAT(status, IsOk());
  EXPECT_THAT(*ListFiles(dir.path()), ElementsAre("a", "b", "old"));
  EXPECT_EQ(ReadText(dir.Path("b")), "new");
  EXPECT_FALSE(FileExists(dir.Path(".unfinished")));
}

TEST(WriteFilesIntoTest, LeavesTheFolderAsItWasWhenFillingFails) {
  const ScopedTempDir dir;
  WriteText(dir.Path("a"), "old");

  const absl::Status status =
      WriteFilesInto(dir.path(), "a", [](const std::string& unfinished) {
        WriteText(JoinPath(unfinished, "a"), "new");
        return absl::DataLossError("no");
      });

  EXPECT_THAT(status, Fails(absl::StatusCode::kDataLoss, Parts{"no"}));
  EXPECT_EQ(ReadText(dir.Path("a")), "old");
  EXPECT_FALSE(FileExists(dir.Path(".unfinished")));
}

absl::Status FillWithA(const std::string& dir) {
  WriteText(JoinPath(dir, "a"), "new");
  return absl::OkStatus();
}

TEST(WriteFolderTest, AppearsWhole) {
  const ScopedTempDir dir;

  const absl::Status status =
      WriteFolder(dir.Path("x/out/"), [&](const std::string& unfinished) {
        EXPECT_FALSE(FileExists(dir.Path("x/out")));
        return FillWithA(unfinished);
      });

  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(ReadText(dir.Path("x/out/a")), "new");
  EXPECT_FALSE(FileExists(dir.Path("x/out.unfinished")));
}

TEST(WriteFolderTest, TakesAnEmptyFolderButNoOther) {
  const ScopedTempDir dir;
  ASSERT_THAT(MakeFolder(dir.Path("out")), IsOk());

  EXPECT_THAT(WriteFolder(dir.Path("out"), FillWithA), IsOk());
  EXPECT_THAT(WriteFolder(dir.Path("out"), FillWithA),
              Fails(absl::StatusCode::kFailedPrecondition,
                    Parts{dir.Path("out"), "not an empty folder"}));
}

TEST(WriteFolderTest, LeavesNothingWhenFillingFails) {
  const ScopedTempDir dir;

  const absl::Status status =
      WriteFolder(dir.Path("out"), [](const std::string& unfinished) {
        WriteText(JoinPath(unfinished, "a"), "new");
        return absl::DataLossError("no");
      });

  EXPECT_THAT(status, Fails(absl::StatusCode::kDataLoss, Parts{"no"}));
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

}  // namespace
}  // namespace lockstep
