#include "worker/prepare/output_folder.h"

#include <filesystem>
#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "tests/integration/process.h"
#include "tests/testing/temp_dir.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(OutputFolderTest, IsMadeWithItsParentsAndKept) {
  ScopedTempDir dir;
  {
    auto folder = OutputFolder::Make(dir.Path("a/b/c"));
    ASSERT_TRUE(folder.ok()) << folder.status();
    folder->Keep();
  }

  EXPECT_TRUE(fs::is_empty(dir.Path("a/b/c")));
}

TEST(OutputFolderTest, GoesAgainWithTheParentsThatWereMade) {
  ScopedTempDir dir;
  fs::create_directory(dir.Path("a"));
  { ASSERT_TRUE(OutputFolder::Make(dir.Path("a/b/c/")).ok()); }

  EXPECT_TRUE(fs::is_empty(dir.Path("a")));
}

TEST(OutputFolderTest, WhatWasThereStays) {
  ScopedTempDir dir;
  WriteFile(dir.Path("result"), "old");
  { ASSERT_TRUE(OutputFolder::Make(dir.path()).ok()); }

  EXPECT_EQ(ReadFile(dir.Path("result")), "old");
}

TEST(OutputFolderTest, WhatSomebodyPutThereStays) {
  ScopedTempDir dir;
  {
    ASSERT_TRUE(OutputFolder::Make(dir.Path("a/b")).ok());
    auto folder = OutputFolder::Make(dir.Path("a/b"));
    ASSERT_TRUE(folder.ok());
    WriteFile(dir.Path("a/b/theirs"), "x");
  }

  EXPECT_EQ(ReadFile(dir.Path("a/b/theirs")), "x");
}

TEST(OutputFolderTest, NamesFieldPathAndReasonWhenItCannotBeMade) {
  const auto folder = OutputFolder::Make("/proc/out");

  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(ErrorReason(folder.status()), "OUTPUT_NOT_WRITABLE");
  EXPECT_THAT(std::string(folder.status().message()),
              AllOf(HasSubstr("output_dir: /proc/out"),
                    HasSubstr("No such file or directory")));
}

TEST(OutputFolderTest, FolderThatTakesNoFilesIsRefused) {
  const auto folder = OutputFolder::Make("/proc/self");

  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(ErrorReason(folder.status()), "OUTPUT_NOT_WRITABLE");
  EXPECT_THAT(std::string(folder.status().message()),
              HasSubstr("/proc/self: cannot create a file in it"));
}

TEST(OutputFolderTest, FileInItsPlaceIsRefused) {
  ScopedTempDir dir;
  WriteFile(dir.Path("out"), "a file");

  const auto folder = OutputFolder::Make(dir.Path("out/run"));

  ASSERT_FALSE(folder.ok());
  EXPECT_THAT(std::string(folder.status().message()),
              AllOf(HasSubstr(dir.Path("out")), HasSubstr("File exists")));
  EXPECT_EQ(ReadFile(dir.Path("out")), "a file");
}

}  // namespace
}  // namespace lockstep::testing
