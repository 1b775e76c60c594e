#ifndef LOCKSTEP_WORKER_IO_HF_CONFIG_H_
#define LOCKSTEP_WORKER_IO_HF_CONFIG_H_

// config.json of Transformers, both generations of it: v4 with rope_theta and
// rope_scaling, v5 with rope_parameters. A key that changes the maths in a way
// that is not built is refused, naming file, key, value and what is allowed; a
// key that does not is ignored.

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/model/model_config.h"

namespace lockstep {

// Reads MODEL_DIR/config.json. NOT_FOUND: no such folder or file.
// INVALID_ARGUMENT: not JSON, an unknown architecture, or a refused key.
absl::StatusOr<ModelConfig> ReadModelConfig(const std::string& model_dir);

// The same from the text of the file; `path` is for messages.
absl::StatusOr<ModelConfig> ParseModelConfig(absl::string_view text,
                                             const std::string& path);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_HF_CONFIG_H_
