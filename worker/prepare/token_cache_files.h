#ifndef LOCKSTEP_WORKER_PREPARE_TOKEN_CACHE_FILES_H_
#define LOCKSTEP_WORKER_PREPARE_TOKEN_CACHE_FILES_H_

// The files of one token cache: train.tokens, eval.tokens when there is an
// evaluation set, counts.json, what a Plan says about them, and SHA256SUMS over
// these.

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lockstep/v1/job.pb.h"
#include "worker/prepare/tokenize_data.h"

namespace lockstep {

// Into `dir`, which exists and is empty; on disk when it returns.
absl::Status WriteTokenCacheFiles(const TokenizedData& data,
                                  const std::string& digest,
                                  const std::string& dir);

// The counts of a whole cache, of which every byte was read and compared.
// DATA_LOSS and the like: a file is missing, damaged, or of another digest.
absl::StatusOr<v1::Plan> ReadTokenCacheCounts(const std::string& dir,
                                              const std::string& digest);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PREPARE_TOKEN_CACHE_FILES_H_
