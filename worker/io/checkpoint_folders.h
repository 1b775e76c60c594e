#ifndef LOCKSTEP_WORKER_IO_CHECKPOINT_FOLDERS_H_
#define LOCKSTEP_WORKER_IO_CHECKPOINT_FOLDERS_H_

// The checkpoint folders of an output folder: their names, and how they go. An
// output folder is one job's, so what is called like a checkpoint is the job's.
//
//   checkpoint-STEP                       whole; listed, or not yet or no more
//   checkpoint-STEP.aATTEMPT.tmp          being written by that attempt
//   checkpoint-STEP.aATTEMPT.replaced.tmp what had the name before
//   checkpoint-STEP.aATTEMPT.removed.tmp  being removed by that attempt
//
// Which ones are listed only the coordinator knows. What has no name of the
// first kind is nobody's to read.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lockstep {

// "checkpoint-100".
std::string CheckpointFolderName(int64_t step);

// Steps of the folders called checkpoint-STEP, newest first; whether they are
// valid only Checkpoint::Open tells. Empty when there is no such output_dir.
absl::StatusOr<std::vector<int64_t>> ListCheckpointSteps(
    const std::string& output_dir);

// Removes the checkpoint of `step`, which is not listed any more: a death in
// the middle leaves no half of it under its name. Fine when there is none.
absl::Status RemoveCheckpoint(const std::string& output_dir, int64_t step,
                              int64_t attempt);

// At the start of attempt `attempt`: removes what attempts before it left
// unfinished in output_dir, and nothing else. Returns the names removed.
absl::StatusOr<std::vector<std::string>> RemoveUnfinishedCheckpoints(
    const std::string& output_dir, int64_t attempt);

// At the start of attempt `attempt`: removes the checkpoints that are not
// `listed`. An attempt before it died between writing one and having it listed,
// or between having it unlisted and removing it. A folder without a manifest is
// not of our making and stays. Returns the steps removed.
absl::StatusOr<std::vector<int64_t>> RemoveUnlistedCheckpoints(
    const std::string& output_dir, const std::set<int64_t>& listed,
    int64_t attempt);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_CHECKPOINT_FOLDERS_H_
