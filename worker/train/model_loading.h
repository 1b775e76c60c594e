#ifndef LOCKSTEP_WORKER_TRAIN_MODEL_LOADING_H_
#define LOCKSTEP_WORKER_TRAIN_MODEL_LOADING_H_

// From a job's spec and the files it names to weights that can be trained.
// Prepare has looked at the same files; what is wrong here has changed since,
// or was not looked at (the numbers).

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lockstep/v1/job.pb.h"
#include "worker/io/peft_adapter.h"
#include "worker/model/model_weights.h"

namespace lockstep {

// What the spec, with its defaults, asks to be trained.
absl::StatusOr<Method> MethodOf(const v1::JobSpec& spec);

// What can be known of a job's model without reading its weights.
struct ModelShape {
  ModelConfig config;
  Method method;
};

// Errors have the cause INVALID_INPUT.
absl::StatusOr<ModelShape> ReadModelShape(const v1::JobSpec& spec);

// Reads the model in `dir`; adapters that `method` asks for are new.
absl::StatusOr<std::unique_ptr<ModelWeights>> LoadBase(
    const std::string& dir, const Method& method,
    const Placement& placement = {});

// Replaces the adapters of `weights` by those of `adapter`.
absl::Status LoadAdapter(const PeftAdapter& adapter, ModelWeights& weights);

// Reads the base and, if the spec names one, the adapter to start from. Errors
// have the cause INVALID_INPUT and name file, tensor or key.
absl::StatusOr<std::unique_ptr<ModelWeights>> LoadModel(
    const v1::JobSpec& spec, const Placement& placement);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_MODEL_LOADING_H_
