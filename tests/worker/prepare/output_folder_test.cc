#include "worker/prepare/output_folder.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "tests/integration/process.h"
#include "tests/testing/temp_dir.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kOwner[] = "jobs/mine 1f";

std::vector<std::string> NamesIn(const std::string& dir) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(dir)) {
    names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(OutputFolderTest, IsMadeWithItsParentsClaimedAndKept) {
  ScopedTempDir dir;
  {
    auto folder = OutputFolder::Make(dir.Path("a/b/c"), kOwner);
    ASSERT_TRUE(folder.ok()) << folder.status();
    folder->Keep();
  }

  EXPECT_THAT(NamesIn(dir.Path("a/b/c")), ElementsAre(kClaimFile));
  EXPECT_EQ(ReadFile(dir.Path("a/b/c/.lockstep-job")), kOwner);
}

TEST(OutputFolderTest, GoesAgainWithTheParentsThatWereMade) {
  ScopedTempDir dir;
  fs::create_directory(dir.Path("a"));
  { ASSERT_TRUE(OutputFolder::Make(dir.Path("a/b/c/"), kOwner).ok()); }

  EXPECT_TRUE(fs::is_empty(dir.Path("a")));
}

TEST(OutputFolderTest, AnEmptyFolderLosesItsClaimAgain) {
  ScopedTempDir dir;
  { ASSERT_TRUE(OutputFolder::Make(dir.path(), kOwner).ok()); }

  EXPECT_TRUE(fs::is_empty(dir.path()));
}

TEST(OutputFolderTest, OtherFilesAreNotMixedWithAResult) {
  ScopedTempDir dir;
  WriteFile(dir.Path("adapter_config.json"), "old");

  const auto folder = OutputFolder::Make(dir.path(), kOwner);

  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(ErrorReason(folder.status()), "OUTPUT_IN_USE");
  EXPECT_THAT(std::string(folder.status().message()),
              AllOf(HasSubstr("output_dir: " + dir.path()),
                    HasSubstr("holds adapter_config.json")));
  EXPECT_THAT(NamesIn(dir.path()), ElementsAre("adapter_config.json"));
  EXPECT_EQ(ReadFile(dir.Path("adapter_config.json")), "old");
}

TEST(OutputFolderTest, HiddenFilesDoNotCount) {
  ScopedTempDir dir;
  WriteFile(dir.Path(".nfs01"), "");

  EXPECT_TRUE(OutputFolder::Make(dir.path(), kOwner).ok());
}

TEST(OutputFolderTest, AnotherJobsFolderIsRefusedByItsName) {
  ScopedTempDir dir;
  auto first = OutputFolder::Make(dir.Path("out"), "jobs/first 0a");
  ASSERT_TRUE(first.ok()) << first.status();

  const auto second = OutputFolder::Make(dir.Path("out"), kOwner);

  ASSERT_FALSE(second.ok());
  EXPECT_EQ(ErrorReason(second.status()), "OUTPUT_IN_USE");
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("belongs to jobs/first 0a"));
  EXPECT_EQ(ReadFile(dir.Path("out/.lockstep-job")), "jobs/first 0a");
}

TEST(OutputFolderTest, AJobThatIsPreparedAgainKeepsItsFolderAndFiles) {
  ScopedTempDir dir;
  OutputFolder::Make(dir.Path("out"), kOwner)->Keep();
  WriteFile(dir.Path("out/checkpoint"), "x");

  { EXPECT_TRUE(OutputFolder::Make(dir.Path("out"), kOwner).ok()); }

  EXPECT_THAT(NamesIn(dir.Path("out")), ElementsAre(kClaimFile, "checkpoint"));
}

TEST(OutputFolderTest, WhatSomebodyPutThereStays) {
  ScopedTempDir dir;
  {
    ASSERT_TRUE(OutputFolder::Make(dir.Path("a/b"), kOwner).ok());
    auto folder = OutputFolder::Make(dir.Path("a/b"), kOwner);
    ASSERT_TRUE(folder.ok());
    WriteFile(dir.Path("a/b/theirs"), "x");
  }

  EXPECT_EQ(ReadFile(dir.Path("a/b/theirs")), "x");
}

TEST(OutputFolderTest, WhatAKilledProcessMadeIsRemovedForIt) {
  ScopedTempDir dir;
  {
    OutputFolder expected = OutputFolder::Expect(dir.Path("a/b"), kOwner);
    auto made = OutputFolder::Make(dir.Path("a/b"), kOwner);
    ASSERT_TRUE(made.ok());
    made->Keep();  // As if it had been killed.
  }

  EXPECT_FALSE(fs::exists(dir.Path("a")));
}

TEST(OutputFolderTest, WhatWasThereOrIsAnothersIsNotExpected) {
  ScopedTempDir dir;
  {
    OutputFolder expected = OutputFolder::Expect(dir.Path("out"), kOwner);
    auto others = OutputFolder::Make(dir.Path("out"), "jobs/other u2");
    ASSERT_TRUE(others.ok());
    others->Keep();
  }
  { OutputFolder expected = OutputFolder::Expect(dir.Path("out"), kOwner); }

  EXPECT_EQ(ReadFile(dir.Path("out") + "/" + kClaimFile), "jobs/other u2");
}

TEST(OutputFolderTest, NamesFieldPathAndReasonWhenItCannotBeMade) {
  const auto folder = OutputFolder::Make("/proc/out", kOwner);

  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(ErrorReason(folder.status()), "OUTPUT_NOT_WRITABLE");
  EXPECT_THAT(std::string(folder.status().message()),
              AllOf(HasSubstr("output_dir: /proc/out"),
                    HasSubstr("No such file or directory")));
}

TEST(OutputFolderTest, FolderThatTakesNoFilesIsRefused) {
  const auto folder = OutputFolder::Make("/proc/self", kOwner);

  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(ErrorReason(folder.status()), "OUTPUT_NOT_WRITABLE");
  EXPECT_THAT(std::string(folder.status().message()),
              testing::AllOf(HasSubstr("/proc/self/.lockstep-job"),
                             HasSubstr("cannot create")));
}

TEST(OutputFolderTest, FileInItsPlaceIsRefused) {
  ScopedTempDir dir;
  WriteFile(dir.Path("out"), "a file");

  const auto folder = OutputFolder::Make(dir.Path("out/run"), kOwner);

  ASSERT_FALSE(folder.ok());
  EXPECT_THAT(std::string(folder.status().message()),
              AllOf(HasSubstr(dir.Path("out")), HasSubstr("File exists")));
  EXPECT_EQ(ReadFile(dir.Path("out")), "a file");
}

}  // namespace
}  // namespace lockstep::testing
