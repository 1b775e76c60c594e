#ifndef LOCKSTEP_WORKER_PREPARE_CACHE_KEY_H_
#define LOCKSTEP_WORKER_PREPARE_CACHE_KEY_H_

// The name of a token cache: a digest of everything that its content depends
// on. Equal digests mean equal tokens, so a job may use what another made.

#include <string>

#include "absl/status/statusor.h"
#include "lockstep/v1/job.pb.h"
#include "worker/model/model_config.h"
#include "worker/prepare/text_input.h"

namespace lockstep {

// 64 hexadecimal digits, over: the content and the path of every data file,
// the tokenizer's files, the template, the settings of DataSpec that say which
// tokens there are, the size of the vocabulary, this build. Not in it: how
// documents are packed, shuffled and batched. Errors begin with the field.
absl::StatusOr<std::string> CacheKey(const v1::JobSpec& spec,
                                     const ModelConfig& config,
                                     const TextInput& text);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PREPARE_CACHE_KEY_H_
