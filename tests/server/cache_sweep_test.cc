#include "server/cache_sweep.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/memory_job_store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/store_writes.h"
#include "tests/testing/temp_dir.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CacheSweepTest : public ::testing::Test {
 protected:
  // A cache that was used so long ago.
  std::string Make(const std::string& digest, absl::Duration ago) {
    std::string path = dir_.Path(digest);
    fs::create_directory(path);
    std::ofstream(path + "/train.tokens") << "tokens";
    const timespec then = absl::ToTimespec(clock_.WallTime() - ago);
    const timespec times[] = {then, then};
    EXPECT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
    return path;
  }
  std::vector<std::string> RemoveOlderThan(absl::Duration age,
                                           std::set<std::string> in_use = {}) {
    return RemoveUnusedCaches(dir_.path(), in_use, clock_.WallTime() - age);
  }
  void Put(const std::string& id, v1::Job::State state,
           const std::string& cache) {
    server::JobRecord record = Record(id, /*version=*/1, state);
    record.mutable_job()->mutable_plan()->set_token_cache(cache);
    ASSERT_TRUE(CommitAndWait(store_, WriteOf(record)).ok());
  }

  const ScopedTempDir dir_;
  FakeClock clock_;
  MemoryJobStore store_;
};

TEST_F(CacheSweepTest, WhatWasNotUsedForSoLongIsRemoved) {
  const std::string old = Make("old", absl::Hours(25));
  const std::string young = Make("young", absl::Hours(23));
  EXPECT_THAT(RemoveOlderThan(absl::Hours(24)), ElementsAre(old));
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(young + "/train.tokens"));
  EXPECT_THAT(RemoveOlderThan(absl::Hours(24)), IsEmpty());
}

TEST_F(CacheSweepTest, WhatIsUsedOrWrittenStays) {
  const std::string in_use = Make("in-use", absl::Hours(25));
  const std::string written = Make("written.tmp", absl::Hours(25));
  const std::string found = Make("found", absl::Hours(25));
  const std::string file = dir_.Path("a-file");
  std::ofstream(file) << "not a cache";
  // As whoever has just found it.
  const int fd = open(found.c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(flock(fd, LOCK_SH), 0);

  EXPECT_THAT(RemoveOlderThan(absl::ZeroDuration(), {"in-use"}), IsEmpty());

  close(fd);
  for (const std::string& path : {in_use, written, found, file}) {
    EXPECT_TRUE(fs::exists(path)) << path;
  }
}

TEST_F(CacheSweepTest, AFolderThatIsNotThereIsEmpty) {
  EXPECT_THAT(RemoveUnusedCaches(dir_.Path("none"), {}, clock_.WallTime()),
              IsEmpty());
}

TEST_F(CacheSweepTest, JobsThatHaveNotEndedKeepTheirs) {
  const std::string waits = Make("waits", absl::Hours(25));
  const std::string trains = Make("trains", absl::Hours(25));
  const std::string ended = Make("ended", absl::Hours(25));
  // By whatever way to it.
  Put("a", v1::Job::QUEUED, "/link/to/cache/waits");
  Put("b", v1::Job::RUNNING, trains);
  Put("c", v1::Job::SUCCEEDED, ended);

  // It sweeps at once.
  { const CacheSweep sweep(dir_.path(), absl::Hours(24), clock_, store_); }

  EXPECT_TRUE(fs::exists(waits));
  EXPECT_TRUE(fs::exists(trains));
  EXPECT_FALSE(fs::exists(ended));
}

TEST_F(CacheSweepTest, NothingGoesWhileAJobIsPrepared) {
  const std::string old = Make("old", absl::Hours(25));
  Put("a", v1::Job::PREPARING, "");

  { const CacheSweep sweep(dir_.path(), absl::Hours(24), clock_, store_); }

  EXPECT_TRUE(fs::exists(old));
}

}  // namespace
}  // namespace lockstep::testing
