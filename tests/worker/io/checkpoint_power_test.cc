// A02 for checkpoints: the power fails at each call of saves and removals. The
// newest checkpoint that is listed is whole on what was synced.

#include <sys/syscall.h>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/contract/check.h"
#include "tests/testing/file_calls.h"
#include "tests/testing/synced_disk.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/traced_child.h"
#include "tests/worker/io/checkpoint_fixture.h"
#include "tests/worker/io/io_testing.h"
#include "worker/io/checkpoint.h"
#include "worker/io/checkpoint_folders.h"
#include "worker/io/file.h"

namespace lockstep {
namespace {

using testing::AgreeingOptions;
using ::testing::ElementsAre;
using testing::Entries;
using testing::IsOk;
using testing::ReadText;
using testing::SampleCheckpoint;
using testing::ScopedTempDir;
using testing::SyncedDisk;
using testing::TracedChild;

constexpr int64_t kInterval = 50;
constexpr int64_t kLastStep = 250;

// In place of the coordinator's store: a file for each that is listed, called
// by its step, with its digest. On disk when this returns.
absl::Status List(const std::string& folder, const CheckpointInfo& info) {
  const std::string listed = JoinPath(folder, "listed");
  if (absl::Status status =
          WriteWholeFile(JoinPath(listed, absl::StrCat(info.step)),
                         info.manifest_sha256, /*sync=*/true);
      !status.ok()) {
    return status;
  }
  return SyncFolder(listed);
}

// A run that saves every kInterval steps and keeps the newest two.
void SaveAll(const std::string& folder) {
  const SampleCheckpoint sample;
  CheckpointContents contents = sample.contents();
  CheckpointWriteOptions options = AgreeingOptions(folder);
  options.commit = [&](const CheckpointInfo& info) {
    return List(folder, info);
  };
  for (int64_t step = kInterval; step <= kLastStep; step += kInterval) {
    contents.state.position.step = step;
    // In a child, which the test asks for its exit code alone.
    LOCKSTEP_CHECK(WriteCheckpoint(options, contents).ok());
    if (step <= 2 * kInterval) continue;
    LOCKSTEP_CHECK(
        RemoveCheckpoint(folder, step - 2 * kInterval, options.attempt).ok());
  }
}

// The step of the newest one that is listed on this disk, which must verify; 0
// when none is.
int64_t NewestOn(const std::string& disk) {
  int64_t newest = 0;
  for (const std::string& step : Entries(JoinPath(disk, "listed"))) {
    newest = std::max<int64_t>(newest, std::stoll(step));
  }
  if (newest == 0) return 0;
  EXPECT_THAT(Checkpoint::Open(
                  JoinPath(disk, CheckpointFolderName(newest)),
                  ReadText(JoinPath(disk, absl::StrCat("listed/", newest)))),
              IsOk());
  return newest;
}

TEST(CheckpointPowerTest, TheNewestListedIsWhole) {
  const ScopedTempDir dir;
  const ScopedTempDir disks;
  ASSERT_THAT(MakeFolder(dir.Path("listed")), IsOk());
  SyncedDisk disk(dir.path());
  TracedChild run([&] { SaveAll(dir.path()); });
  int losses = 0;
  std::set<int64_t> newest;
  while (run.RunToCall()) {
    if (!testing::ChangesAFile(run.call())) continue;
    ++losses;
    SCOPED_TRACE(absl::StrCat("call ", losses));
    const std::string left = disks.Path(absl::StrCat(losses));
    disk.WriteTo(left);
    newest.insert(NewestOn(left));
    if (HasFailure()) return;
    const auto call = run.call().entry;
    if (call.nr == SYS_fsync || call.nr == SYS_fdatasync) {
      disk.Sync(run.PathOf(static_cast<int>(call.args[0])));
    }
  }
  EXPECT_THAT(newest, ElementsAre(0, 50, 100, 150, 200, 250));
  std::cout << "A02 power_loss of a checkpoint: " << losses
            << " losses of power, the newest listed one verified after each\n";
}

}  // namespace
}  // namespace lockstep
