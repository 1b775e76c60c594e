#ifndef LOCKSTEP_CLIENT_CLI_HUB_CACHE_H_
#define LOCKSTEP_CLIENT_CLI_HUB_CACHE_H_

// Models and adapters by their ids on the Hugging Face hub, as far as this
// machine has them: what huggingface_hub, Transformers or `hf download` once
// fetched. Nothing is fetched here. A job carries the folder, not the id, so
// that every attempt reads the same files whatever the hub says by then.
//
//   CACHE/models--ORG--NAME/refs/main          a commit, 40 digits
//   CACHE/models--ORG--NAME/snapshots/COMMIT/  the files, as symbolic links
//
// CACHE is $HF_HUB_CACHE, $HF_HOME/hub, $XDG_CACHE_HOME/huggingface/hub or
// ~/.cache/huggingface/hub, the first whose variable is set.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/spec_file.h"

namespace lockstep::cli {

// Whether it has the form of an id: ORG/NAME of letters, digits and -_. inside.
bool IsHubId(absl::string_view text);

// Of this process's environment; empty when no variable is set.
std::string HubCacheFolder();

// The snapshot of the model that refs/main names. NOT_FOUND says which file or
// folder is missing, INVALID_ARGUMENT what is wrong with refs/main.
absl::StatusOr<std::string> FindInHubCache(const std::string& cache,
                                           absl::string_view id);

// model.path and model.adapter when they are ids: what has that form and is no
// folder beside the job file. What is not in the cache is a problem of the
// file. Before ResolvePaths.
void ResolveHubIds(SpecFile* file);

// Words of a command line: the value of --model, in the same way, relative to
// the working folder.
absl::Status ResolveHubIds(std::vector<std::string>* words);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_HUB_CACHE_H_
