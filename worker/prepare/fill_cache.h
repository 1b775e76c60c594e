#ifndef LOCKSTEP_WORKER_PREPARE_FILL_CACHE_H_
#define LOCKSTEP_WORKER_PREPARE_FILL_CACHE_H_

// From rows to a token cache on disk, once it is known that there is none yet.

#include <string>

#include "absl/status/status.h"
#include "lockstep/v1/job.pb.h"
#include "worker/model/model_config.h"
#include "worker/prepare/cache_folder.h"
#include "worker/prepare/place.h"
#include "worker/prepare/text_input.h"

namespace lockstep {

// Tokenises the job's data into `folder`, which was locked for `key`, and
// publishes it. ABORTED: a file is no longer the one that `key` was made of;
// it would be cached under the name of its old content. Else as TokenizeData.
absl::Status FillCache(const v1::JobSpec& spec, const ModelConfig& config,
                       const TextInput& text, const std::string& key,
                       CacheFolder& folder, const TellPlace& at);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PREPARE_FILL_CACHE_H_
