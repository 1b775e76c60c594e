#include "worker/prepare/fill_cache.h"

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"
#include "worker/prepare/cache_key.h"
#include "worker/prepare/token_cache_files.h"
#include "worker/prepare/tokenize_data.h"

namespace lockstep {

absl::Status FillCache(const v1::JobSpec& spec, const ModelConfig& config,
                       const TextInput& text, const std::string& key,
                       CacheFolder& folder, const TellPlace& at) {
  ASSIGN_OR_RETURN(const TokenizedData data,
                   TokenizeData(spec, text, config.vocab_size, at));
  at(absl::StrCat("the token cache ", folder.path()));
  ASSIGN_OR_RETURN(const std::string key_now, CacheKey(spec, config, text));
  if (key_now != key) {
    return absl::AbortedError(
        "a data or tokenizer file changed while it was read; submit the job "
        "again once it is complete");
  }
  RETURN_IF_ERROR(WriteTokenCacheFiles(data, key, folder.write_path()));
  return folder.Publish();
}

}  // namespace lockstep
