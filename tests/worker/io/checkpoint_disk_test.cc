// A disk that is full, or broken, at each single call of a save and of a
// removal: the error says what and where, the checkpoint before stays whole,
// and what is left of the failed one is nobody's to read.

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "tests/testing/fail_at_call.h"
#include "tests/testing/kill_at_call.h"
#include "tests/testing/temp_dir.h"
#include "tests/worker/io/checkpoint_fixture.h"
#include "tests/worker/io/io_testing.h"
#include "worker/io/checkpoint.h"
#include "worker/io/checkpoint_folders.h"
#include "worker/io/file.h"

namespace lockstep {
namespace {

using testing::AgreeingOptions;
using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::Entries;
using testing::FailAtCall;
using testing::FailingCall;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::KillAtCall;
using testing::SampleCheckpoint;
using testing::ScopedTempDir;

constexpr int kEnough = 1000;

absl::Status SaveStep(const std::string& output_dir, int64_t step) {
  const SampleCheckpoint sample;
  CheckpointContents contents = sample.contents();
  contents.state.position.step = step;
  return WriteCheckpoint(AgreeingOptions(output_dir), contents).status();
}

class CheckpointDiskTest : public ::testing::TestWithParam<FailingCall> {
 protected:
  void ExpectSaysWhy(const absl::Status& status,
                     const std::string& where) const {
    EXPECT_EQ(status.code(), GetParam().error == ENOSPC
                                 ? absl::StatusCode::kResourceExhausted
                                 : absl::StatusCode::kInternal)
        << status;
    EXPECT_THAT(
        std::string(status.message()),
        AllOf(HasSubstr(where), HasSubstr(std::strerror(GetParam().error))));
  }
};

TEST_P(CheckpointDiskTest, ASaveIsWholeOrLeavesTheOneBefore) {
  int failed = 0;
  FailingCall failing = GetParam();
  for (; failing.n < kEnough; ++failing.n) {
    SCOPED_TRACE(absl::StrCat("call ", failing.n));
    const ScopedTempDir dir;
    ASSERT_THAT(SaveStep(dir.path(), 50), IsOk());

    const std::optional<absl::Status> saved =
        FailAtCall(failing, [&] { return SaveStep(dir.path(), 100); });

    if (!saved.has_value()) break;
    EXPECT_THAT(Checkpoint::Open(dir.Path("checkpoint-50")), IsOk());
    if (saved->ok()) {
      EXPECT_THAT(Checkpoint::Open(dir.Path("checkpoint-100")), IsOk());
      continue;
    }
    ++failed;
    ExpectSaysWhy(*saved, dir.path());
    if (!failing.for_good) {
      EXPECT_THAT(Entries(dir.path()), ElementsAre("checkpoint-50"));
    }
    // What a broken disk did not let go, the next attempt removes.
    EXPECT_THAT(RemoveUnfinishedCheckpoints(dir.path(), 4), IsOk());
    EXPECT_THAT(RemoveUnlistedCheckpoints(dir.path(), {50}, 4), IsOk());
    EXPECT_THAT(Entries(dir.path()), ElementsAre("checkpoint-50"));
    EXPECT_THAT(SaveStep(dir.path(), 100), IsOk());
  }
  // Five files, each with create, writes, fsync and close, and the folders.
  EXPECT_GT(failed, 25);
  EXPECT_LT(failing.n, kEnough);
}

// kill -9 instead of an error.
TEST(CheckpointKillTest, ASaveIsWholeOrInvisible) {
  int kills = 0;
  for (; kills < kEnough; ++kills) {
    SCOPED_TRACE(absl::StrCat("call ", kills + 1));
    const ScopedTempDir dir;
    ASSERT_THAT(SaveStep(dir.path(), 50), IsOk());
    if (!KillAtCall(kills + 1, [&] { (void)SaveStep(dir.path(), 100); })) break;

    EXPECT_THAT(Checkpoint::Open(dir.Path("checkpoint-50")), IsOk());
    if (FileExists(dir.Path("checkpoint-100"))) {
      EXPECT_THAT(Checkpoint::Open(dir.Path("checkpoint-100")), IsOk());
    }
    EXPECT_THAT(RemoveUnfinishedCheckpoints(dir.path(), 4), IsOk());
    EXPECT_THAT(RemoveUnlistedCheckpoints(dir.path(), {50}, 4), IsOk());
    EXPECT_THAT(Entries(dir.path()), ElementsAre("checkpoint-50"));
  }
  EXPECT_GT(kills, 25);
  EXPECT_LT(kills, kEnough);
}

TEST(CheckpointReplacementTest, WhatHadTheNameBeforeHasItAgain) {
  for (const int error : {ENOSPC, EIO}) {
    FailingCall failing{.error = error};
    for (; failing.n < kEnough; ++failing.n) {
      SCOPED_TRACE(absl::StrCat(std::strerror(error), " at ", failing.n));
      const ScopedTempDir dir;
      ASSERT_THAT(SaveStep(dir.path(), 100), IsOk());
      testing::WriteText(dir.Path("checkpoint-100/mark"), "the first");

      const std::optional<absl::Status> saved =
          FailAtCall(failing, [&] { return SaveStep(dir.path(), 100); });

      if (!saved.has_value()) break;
      EXPECT_EQ(FileExists(dir.Path("checkpoint-100/mark")), !saved->ok());
      EXPECT_THAT(Checkpoint::Open(dir.Path("checkpoint-100")), IsOk());
    }
    EXPECT_LT(failing.n, kEnough);
  }
}

TEST_P(CheckpointDiskTest, ARemovalLeavesAWholeOneOrNoneOfTheName) {
  int failed = 0;
  FailingCall failing = GetParam();
  for (; failing.n < kEnough; ++failing.n) {
    SCOPED_TRACE(absl::StrCat("call ", failing.n));
    const ScopedTempDir dir;
    ASSERT_THAT(SaveStep(dir.path(), 100), IsOk());

    const std::optional<absl::Status> removed = FailAtCall(
        failing, [&] { return RemoveCheckpoint(dir.path(), 100, 3); });

    if (!removed.has_value()) break;
    if (!removed->ok()) ExpectSaysWhy(*removed, dir.path());
    failed += removed->ok() ? 0 : 1;
    if (FileExists(dir.Path("checkpoint-100"))) {
      EXPECT_THAT(Checkpoint::Open(dir.Path("checkpoint-100")), IsOk());
    }
    EXPECT_THAT(RemoveUnfinishedCheckpoints(dir.path(), 4), IsOk());
    EXPECT_THAT(RemoveUnlistedCheckpoints(dir.path(), {}, 4), IsOk());
    EXPECT_THAT(Entries(dir.path()), ElementsAre());
  }
  EXPECT_GT(failed, 5);
  EXPECT_LT(failing.n, kEnough);
}

// The result of a job, which is written in the same way.
TEST(ResultDiskTest, WhoeverSeesItsLastFileSeesTheOthers) {
  for (const int error : {ENOSPC, EIO}) {
    FailingCall failing{.error = error};
    int failed = 0;
    for (; failing.n < kEnough; ++failing.n) {
      SCOPED_TRACE(absl::StrCat(std::strerror(error), " at ", failing.n));
      const ScopedTempDir dir;
      const auto write = [&](const std::string& text) {
        return WriteFilesInto(
            dir.path(), /*last=*/"a_last", [&](const std::string& folder) {
              absl::Status status;
              for (const char* name : {"a_last", "b", "c"}) {
                status.Update(WriteWholeFile(JoinPath(folder, name), text,
                                             /*sync=*/true));
              }
              return status;
            });
      };
      ASSERT_THAT(write("old"), IsOk());

      const std::optional<absl::Status> written =
          FailAtCall(failing, [&] { return write("new"); });

      if (!written.has_value()) break;
      failed += written->ok() ? 0 : 1;
      if (testing::ReadText(dir.Path("a_last")) == "new") {
        EXPECT_EQ(testing::ReadText(dir.Path("b")), "new");
        EXPECT_EQ(testing::ReadText(dir.Path("c")), "new");
      } else {
        EXPECT_FALSE(written->ok());
      }
      // The next attempt writes it all.
      EXPECT_THAT(write("next"), IsOk());
      EXPECT_THAT(Entries(dir.path()), ElementsAre("a_last", "b", "c"));
    }
    EXPECT_GT(failed, 15);
    EXPECT_LT(failing.n, kEnough);
  }
}

// The first thing that a new attempt does.
TEST(CheckpointFoldersDiskTest, AFolderThatCannotBeListedIsAnError) {
  int failed = 0;
  FailingCall failing{.error = EIO};
  for (; failing.n < kEnough; ++failing.n) {
    const ScopedTempDir dir;
    ASSERT_THAT(MakeFolder(dir.Path("checkpoint-5.a1.tmp/below")), IsOk());
    const std::optional<absl::Status> removed = FailAtCall(failing, [&] {
      return RemoveUnfinishedCheckpoints(dir.path(), 2).status();
    });
    if (!removed.has_value()) break;
    failed += removed->ok() ? 0 : 1;
  }
  EXPECT_GT(failed, 3);
  EXPECT_LT(failing.n, kEnough);
}

TEST(CheckpointSpaceTest, WhatDoesNotFitIsNotBegun) {
  const ScopedTempDir dir;
  EXPECT_THAT(CheckFreeSpace(dir.path(), 1), IsOk());
  const absl::Status status = CheckFreeSpace(dir.path(), int64_t{1} << 62);
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("4611686018427387904 bytes are to be written and "));
  EXPECT_TRUE(absl::IsNotFound(CheckFreeSpace(dir.Path("none"), 1)));
}

INSTANTIATE_TEST_SUITE_P(Disks, CheckpointDiskTest,
                         ::testing::ValuesIn(testing::BadDisks()),
                         testing::NameOfDisk);

}  // namespace
}  // namespace lockstep
