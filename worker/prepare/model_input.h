#ifndef LOCKSTEP_WORKER_PREPARE_MODEL_INPUT_H_
#define LOCKSTEP_WORKER_PREPARE_MODEL_INPUT_H_

// The model that a job starts from: whether its files are there, fit each other
// and fit the spec. Only headers are read, never weights.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lockstep/v1/job.pb.h"
#include "worker/model/model_config.h"

namespace lockstep {

struct ModelInput {
  ModelConfig config;
  // Of the base model, and of what is trained.
  int64_t parameters = 0;
  int64_t trainable_parameters = 0;
  // What the user should look at though the job goes on; one sentence each.
  std::vector<std::string> warnings;
};

// Errors begin with the field: model.path, model.adapter, output_dir.
// NOT_FOUND: a folder or file. INVALID_ARGUMENT: files that are damaged or do
// not fit, an output folder that would overwrite what is read.
absl::StatusOr<ModelInput> CheckModel(const v1::JobSpec& spec);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PREPARE_MODEL_INPUT_H_
