// kill -9 on entering each phase of a save: either no checkpoint is seen
// afterwards, or a whole one.

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/testing/temp_dir.h"
#include "tests/worker/io/checkpoint_fixture.h"
#include "tests/worker/io/io_testing.h"
#include "worker/io/checkpoint.h"
#include "worker/io/checkpoint_folders.h"

namespace lockstep {
namespace {

using testing::AgreeingOptions;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::SampleCheckpoint;
using testing::ScopedTempDir;

// Saves in a child process that dies on entering `phase`; whether it did.
bool SaveAndDieAt(const std::string& phase, const std::string& output_dir,
                  int64_t attempt) {
  const pid_t child = fork();
  if (child == 0) {
    CheckpointWriteOptions options = AgreeingOptions(output_dir);
    options.attempt = attempt;
    options.on_phase = [&phase](absl::string_view entered) {
      if (entered == phase) raise(SIGKILL);
    };
    const SampleCheckpoint sample;
    _exit(WriteCheckpoint(options, sample.contents()).ok() ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

constexpr const char* kInvisible[] = {"begin", "weights",  "optimizer", "files",
                                      "grant", "manifest", "rename"};
constexpr const char* kWhole[] = {"sync", "commit", "end"};

TEST(CheckpointDeathTest, NothingIsSeenOfASaveThatDiedBeforeTheRename) {
  for (const char* phase : kInvisible) {
    const ScopedTempDir dir;
    ASSERT_TRUE(SaveAndDieAt(phase, dir.path(), /*attempt=*/1)) << phase;

    EXPECT_THAT(*ListCheckpointSteps(dir.path()), IsEmpty()) << phase;
    EXPECT_THAT(RemoveUnfinishedCheckpoints(dir.path(), 2), IsOk());
    // The next attempt saves the same step as if nothing had been.
    CheckpointWriteOptions options = AgreeingOptions(dir.path());
    options.attempt = 2;
    const SampleCheckpoint sample;
    EXPECT_THAT(WriteCheckpoint(options, sample.contents()), IsOk());
    EXPECT_THAT(Checkpoint::Open(dir.Path("checkpoint-100")), IsOk());
  }
}

TEST(CheckpointDeathTest, ASaveThatDiedAfterTheRenameIsWhole) {
  for (const char* phase : kWhole) {
    const ScopedTempDir dir;
    ASSERT_TRUE(SaveAndDieAt(phase, dir.path(), /*attempt=*/1)) << phase;

    EXPECT_THAT(*ListCheckpointSteps(dir.path()), ElementsAre(100)) << phase;
    EXPECT_THAT(Checkpoint::Open(dir.Path("checkpoint-100")), IsOk()) << phase;
    EXPECT_THAT(*RemoveUnfinishedCheckpoints(dir.path(), 2), IsEmpty());
  }
}

TEST(CheckpointDeathTest, AnUnlistedOneIsReplacedOrGoneButNeverBroken) {
  for (const char* phase : {"manifest", "rename", "sync", "commit", "end"}) {
    const ScopedTempDir dir;
    ASSERT_TRUE(SaveAndDieAt("commit", dir.path(), /*attempt=*/1));
    ASSERT_TRUE(SaveAndDieAt(phase, dir.path(), /*attempt=*/2)) << phase;

    EXPECT_THAT(RemoveUnfinishedCheckpoints(dir.path(), 3), IsOk());
    const std::vector<int64_t> steps = *ListCheckpointSteps(dir.path());
    for (const int64_t step : steps) {
      EXPECT_THAT(Checkpoint::Open(dir.Path(CheckpointFolderName(step))),
                  IsOk())
          << phase;
    }
  }
}

}  // namespace
}  // namespace lockstep
