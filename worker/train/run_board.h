#ifndef LOCKSTEP_WORKER_TRAIN_RUN_BOARD_H_
#define LOCKSTEP_WORKER_TRAIN_RUN_BOARD_H_

// What TensorBoard shows of a run besides its curves: the resolved job file as
// text, and the settings that runs are compared by. Used by rank 0 when it has
// found out from which step it goes on.

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lockstep/v1/job.pb.h"
#include "worker/io/tensorboard.h"

namespace lockstep {

// Makes a file below output_dir/runs.
absl::StatusOr<std::unique_ptr<TensorBoardWriter>> BeginRunBoard(
    const v1::JobSpec& spec, int64_t resumed_step);

// Each set field of `train` and `method.lora` by its name ("learning_rate",
// "lora.r"), and of the rest what decides how a run learns.
std::map<std::string, HParam> HParamsOf(const v1::JobSpec& spec);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_RUN_BOARD_H_
