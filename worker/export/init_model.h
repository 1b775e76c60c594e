#ifndef LOCKSTEP_WORKER_EXPORT_INIT_MODEL_H_
#define LOCKSTEP_WORKER_EXPORT_INIT_MODEL_H_

// `lockstep-worker init-model`: a new model with random weights and the
// tokenizer of another folder, to train from nothing. Matrices are normal(0,
// initializer_range), norms 1, biases 0, as Transformers does. The same options
// give the same bytes.

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace lockstep {

struct InitModelOptions {
  // "llama" or "qwen2".
  std::string architecture = "llama";
  int64_t hidden_size = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  // 0: as many as heads.
  int64_t kv_heads = 0;
  int64_t intermediate_size = 0;
  int64_t max_position_embeddings = 2048;
  bool tie_word_embeddings = false;
  uint64_t seed = 0;
  // Folder with tokenizer.json; its files are copied, its size is vocab_size.
  std::string tokenizer;
  // Must not exist, or be empty.
  std::string output;
};

// The output folder appears whole or not at all. INVALID_ARGUMENT names the
// option or the file; FAILED_PRECONDITION: the output folder holds something.
absl::Status InitModel(const InitModelOptions& options);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_EXPORT_INIT_MODEL_H_
