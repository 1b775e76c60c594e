#include "worker/io/checkpoint_folders.h"

#include "tests/testing/temp_dir.h"
#include "tests/worker/io/io_testing.h"
#include "worker/io/file.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using testing::Entries;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::ScopedTempDir;
using testing::WriteText;

TEST(CheckpointFoldersTest, ListsByNumberAndIgnoresTheRest) {
  const ScopedTempDir dir;
  for (const char* name : {"checkpoint-9", "checkpoint-100", "checkpoint-20",
                           "checkpoint-5.a1.tmp", "checkpoint-", "runs",
                           "checkpoint-07", "checkpoint--1"}) {
    ASSERT_THAT(MakeFolder(dir.Path(name)), IsOk());
  }
  WriteText(dir.Path("checkpoint-1"), "a file");

  EXPECT_THAT(*ListCheckpointSteps(dir.path()), ElementsAre(100, 20, 9));
  EXPECT_THAT(*ListCheckpointSteps(dir.Path("none")), IsEmpty());
}

TEST(CheckpointFoldersTest, RemovesOnlyWhatDeadAttemptsLeft) {
  const ScopedTempDir dir;
  for (const char* name :
       {"checkpoint-9", "checkpoint-5.a1.tmp", "checkpoint-6.a2.replaced.tmp",
        "checkpoint-8.a2.removed.tmp", "checkpoint-7.a3.tmp",
        "checkpoint-7.ax.tmp", "my.a1.tmp"}) {
    ASSERT_THAT(MakeFolder(dir.Path(name) + "/below"), IsOk());
  }

  const auto removed = RemoveUnfinishedCheckpoints(dir.path(), 3);

  ASSERT_THAT(removed, IsOk());
  EXPECT_THAT(*removed,
              ElementsAre("checkpoint-5.a1.tmp", "checkpoint-6.a2.replaced.tmp",
                          "checkpoint-8.a2.removed.tmp"));
  EXPECT_THAT(Entries(dir.path()),
              ElementsAre("checkpoint-7.a3.tmp", "checkpoint-7.ax.tmp",
                          "checkpoint-9", "my.a1.tmp"));
}

// A folder that could be a checkpoint of ours.
void MakeWhole(const ScopedTempDir& dir, const std::string& name) {
  ASSERT_THAT(MakeFolder(dir.Path(name)), IsOk());
  WriteText(dir.Path(name) + "/MANIFEST", "{}");
}

TEST(CheckpointFoldersTest, RemovesWhatIsNotListed) {
  const ScopedTempDir dir;
  for (const char* name : {"checkpoint-10", "checkpoint-20", "checkpoint-30",
                           "checkpoint-40.a1.tmp"}) {
    MakeWhole(dir, name);
  }
  ASSERT_THAT(MakeFolder(dir.Path("checkpoint-50")), IsOk());

  const auto removed = RemoveUnlistedCheckpoints(dir.path(), {20, 60}, 2);

  ASSERT_THAT(removed, IsOk());
  EXPECT_THAT(*removed, ElementsAre(30, 10));
  EXPECT_THAT(
      Entries(dir.path()),
      ElementsAre("checkpoint-20", "checkpoint-40.a1.tmp", "checkpoint-50"));
}

TEST(CheckpointFoldersTest, ACheckpointGoesUnderAnotherName) {
  const ScopedTempDir dir;
  MakeWhole(dir, "checkpoint-10");
  // What a removal that was cut short has left.
  MakeWhole(dir, "checkpoint-10.a2.removed.tmp");

  EXPECT_THAT(RemoveCheckpoint(dir.path(), 10, 2), IsOk());
  EXPECT_THAT(Entries(dir.path()), IsEmpty());
  EXPECT_THAT(RemoveCheckpoint(dir.path(), 10, 2), IsOk());
}

TEST(CheckpointFoldersTest, ARemovalThatFailsNamesTheFolder) {
  const ScopedTempDir dir;
  WriteText(dir.Path("file"), "no folder");

  const absl::Status status = RemoveCheckpoint(dir.Path("file"), 10, 2);

  EXPECT_TRUE(absl::IsNotFound(status) || absl::IsInternal(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("file/checkpoint-10"));
}

}  // namespace
}  // namespace lockstep
