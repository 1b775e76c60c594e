#ifndef LOCKSTEP_WORKER_IO_MODEL_FOLDER_H_
#define LOCKSTEP_WORKER_IO_MODEL_FOLDER_H_

// A whole model as Transformers reads it: config.json, weights in one file or
// in shards with an index, tokenizer and generation files. What is not changed
// is copied byte for byte.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/io/named_tensor.h"
#include "worker/io/safetensors.h"
#include "worker/io/sharded_writer.h"
#include "worker/io/weight_map.h"

namespace lockstep {

// What the weights of a written model are stored in: empty for that of each
// tensor in the source model, else F32, BF16 or F16.
struct ModelFolderOptions {
  // The model whose config, tokenizer and dtypes are kept.
  std::string source_dir;
  std::string dtype;
  int64_t max_shard_bytes = kMaxShardBytes;
};

// Writes model*.safetensors, config.json and the files of CopyTokenizerFiles
// into `dir`, which exists; synced. `tensors` must be those that config.json
// asks for, in any order. Not atomic by itself: see WriteFolder in
// worker/io/file.h.
absl::Status WriteModelFolder(const std::string& dir,
                              const ModelFolderOptions& options,
                              const std::vector<NamedTensor>& tensors);

// How the weights of `config`'s tensors, in their order, are to be stored.
absl::StatusOr<std::vector<TensorSpec>> StoredTensors(
    const ModelConfig& config, const WeightSource& source,
    const std::string& dtype);

// Copies config.json; with a dtype (F32, BF16, F16) its key for it is set. A
// config that already says so is copied byte for byte.
absl::Status CopyModelConfig(const std::string& from_dir,
                             const std::string& to_dir,
                             const std::string& dtype);

// Names of those of tokenizer, chat template and generation files that there
// are in a model folder.
std::vector<std::string> PassedThroughFiles(const std::string& dir);

// Copies them.
absl::Status CopyTokenizerFiles(const std::string& from_dir,
                                const std::string& to_dir);

// chat_template.jinja, when the model was trained with a template of its own:
// Transformers prefers it to the one in tokenizer_config.json.
absl::Status WriteChatTemplate(const std::optional<std::string>& source,
                               const std::string& dir);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_MODEL_FOLDER_H_
