#ifndef LOCKSTEP_WORKER_TRAIN_RUN_RESULT_H_
#define LOCKSTEP_WORKER_TRAIN_RUN_RESULT_H_

// What a finished run leaves in its output folder: a PEFT adapter or a whole
// model, the tokenizer's files as they were, and trainer_state.json. The files
// appear together at the end; a run that fails leaves none of them.

#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "lockstep/v1/job.pb.h"
#include "worker/io/peft_adapter.h"
#include "worker/io/trainer_state.h"
#include "worker/model/model_weights.h"

namespace lockstep {

// The adapter that a LoRA spec asks for; `targets` are its module names,
// spelled out.
PeftConfig PeftConfigOf(const v1::JobSpec& spec,
                        std::vector<std::string> targets);

// Rank 0 calls it after the last step. `side_files` are those of the base, as
// they were when the run began: a folder that has changed since is not what the
// weights belong to. `may_publish` is asked when all is
// written under another name; its error is returned and nothing appears.
absl::Status WriteRunResult(
    const v1::JobSpec& spec, ModelWeights& weights,
    const std::map<std::string, std::string>& side_files,
    const TrainerState& history,
    const std::function<absl::Status()>& may_publish);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_RUN_RESULT_H_
