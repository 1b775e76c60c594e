#ifndef LOCKSTEP_TESTS_WORKER_TRAIN_RESUME_JOB_H_
#define LOCKSTEP_TESTS_WORKER_TRAIN_RESUME_JOB_H_

// A job in which all that could be off by one after a restart is at work, and
// checkpoints of it that lack something.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lockstep/v1/job.pb.h"
#include "tests/worker/train/training_fixture.h"

namespace lockstep::testing {

// Dropout, packing, shuffling, accumulation, evaluation and two ranks; a
// checkpoint after each step. An epoch has more than three and less than
// thirteen steps.
std::unique_ptr<TrainingFixture> ResumeJob(const std::string& out,
                                           int64_t steps, bool lora = true);

// log_history of OUT/trainer_state.json without what a clock has measured.
std::vector<std::map<std::string, double>> TimelessRows(const std::string& out);

// A copy of the checkpoint in folder `to` after `edit`, with a manifest that
// calls it whole.
v1::Checkpoint EditedCheckpoint(
    const v1::Checkpoint& from, const std::string& to,
    const std::function<void(const std::string& dir)>& edit);

// Edits. Zero in all tensors of DIR/STEM*.safetensors whose name begins so.
void ZeroTensors(const std::string& dir, const std::string& stem,
                 const std::string& prefix);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_WORKER_TRAIN_RESUME_JOB_H_
