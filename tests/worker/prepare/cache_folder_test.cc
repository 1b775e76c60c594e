#include "worker/prepare/cache_folder.h"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/process.h"
#include "tests/testing/temp_dir.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;

class CacheFolderTest : public ::testing::Test {
 protected:
  // A cache is whole when it holds this file.
  static bool Whole(const std::string& path) {
    return fs::exists(path + "/counts");
  }
  absl::StatusOr<CacheFolder> Open() {
    return CacheFolder::Open(dir_.Path("cache"), "abc", Whole);
  }
  void Publish(const std::string& content) {
    auto folder = Open();
    ASSERT_TRUE(folder.ok()) << folder.status();
    ASSERT_FALSE(folder->found());
    WriteFile(folder->write_path() + "/counts", content);
    ASSERT_TRUE(folder->Publish().ok());
  }

  ScopedTempDir dir_;
};

TEST_F(CacheFolderTest, IsFoundOnceItWasPublished) {
  Publish("first");

  const auto folder = Open();

  ASSERT_TRUE(folder.ok());
  EXPECT_TRUE(folder->found());
  EXPECT_EQ(folder->path(), dir_.Path("cache/abc"));
  EXPECT_EQ(ReadFile(folder->path() + "/counts"), "first");
}

TEST_F(CacheFolderTest, WhoeverFindsItSaysThatItIsUsed) {
  Publish("first");
  const fs::path cache = dir_.Path("cache/abc");
  const auto long_ago = fs::last_write_time(cache) - std::chrono::hours(24);
  fs::last_write_time(cache, long_ago);

  ASSERT_TRUE(Open()->found());

  EXPECT_GT(fs::last_write_time(cache), long_ago + std::chrono::hours(23));
}

TEST_F(CacheFolderTest, NothingIsLeftOfOneThatWasNotPublished) {
  {
    auto folder = Open();
    ASSERT_TRUE(folder.ok());
    WriteFile(folder->write_path() + "/counts", "half");
  }

  EXPECT_TRUE(fs::is_empty(dir_.Path("cache")));
}

TEST_F(CacheFolderTest, WhatAKilledProcessLeftIsNotTakenOver) {
  fs::create_directories(dir_.Path("cache/abc.tmp/sub"));
  WriteFile(dir_.Path("cache/abc.tmp/old"), "torn");

  Publish("new");

  EXPECT_FALSE(fs::exists(dir_.Path("cache/abc/old")));
  EXPECT_FALSE(fs::exists(dir_.Path("cache/abc/sub")));
  EXPECT_FALSE(fs::exists(dir_.Path("cache/abc.tmp")));
}

TEST_F(CacheFolderTest, DamagedOneIsMadeAnew) {
  fs::create_directories(dir_.Path("cache/abc"));
  WriteFile(dir_.Path("cache/abc/train.tokens"), "damaged");

  Publish("new");

  EXPECT_EQ(ReadFile(dir_.Path("cache/abc/counts")), "new");
  EXPECT_FALSE(fs::exists(dir_.Path("cache/abc/train.tokens")));
}

TEST_F(CacheFolderTest, SecondWaitsForTheFirstAndFindsItsWork) {
  auto first = Open();
  ASSERT_TRUE(first.ok());
  absl::Notification started;
  bool found = false;
  std::thread second([&] {
    started.Notify();
    auto folder = Open();
    found = folder.ok() && folder->found();
  });

  started.WaitForNotification();
  WriteFile(first->write_path() + "/counts", "first");
  ASSERT_TRUE(first->Publish().ok());
  second.join();

  EXPECT_TRUE(found);
}

TEST_F(CacheFolderTest, SecondDoesTheWorkWhenTheFirstGaveUp) {
  std::optional<absl::StatusOr<CacheFolder>> first = Open();
  ASSERT_TRUE(first->ok());
  absl::Notification started;
  bool works = false;
  std::thread second([&] {
    started.Notify();
    auto folder = Open();
    works = folder.ok() && !folder->found();
  });

  started.WaitForNotification();
  first.reset();
  second.join();

  EXPECT_TRUE(works);
  EXPECT_TRUE(fs::is_empty(dir_.Path("cache")));
}

TEST_F(CacheFolderTest, WhatKilledProcessesLeftIsRemovedAndNoMore) {
  Publish("whole");
  fs::create_directories(dir_.Path("cache/killed.tmp"));
  WriteFile(dir_.Path("cache/killed.tmp/train.tokens"), "half");
  const auto written = CacheFolder::Open(dir_.Path("cache"), "written", Whole);
  ASSERT_TRUE(written.ok());

  CacheFolder::RemoveAbandoned(dir_.Path("cache"));

  EXPECT_FALSE(fs::exists(dir_.Path("cache/killed.tmp")));
  EXPECT_TRUE(fs::exists(dir_.Path("cache/written.tmp")));
  EXPECT_TRUE(fs::exists(dir_.Path("cache/abc/counts")));
  CacheFolder::RemoveAbandoned("/nonexistent");
}

TEST_F(CacheFolderTest, FolderThatCannotBeMadeIsNamed) {
  const auto folder = CacheFolder::Open("/proc/cache", "abc", Whole);

  ASSERT_FALSE(folder.ok());
  EXPECT_THAT(std::string(folder.status().message()),
              ::testing::HasSubstr("/proc/cache"));
}

}  // namespace
}  // namespace lockstep::testing
