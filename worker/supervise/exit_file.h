#ifndef LOCKSTEP_WORKER_SUPERVISE_EXIT_FILE_H_
#define LOCKSTEP_WORKER_SUPERVISE_EXIT_FILE_H_

// ATTEMPT_DIR/exit.json, or exit-N.json of host N: how each rank ended. It is
// what a coordinator that was away goes by, so it is whole or absent, also
// after a power loss.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lockstep/worker/v1/worker_service.pb.h"

namespace lockstep {

std::string ExitFileText(const std::vector<worker::v1::RankProcess>& ranks);

// Writes to a temporary name, syncs, renames, and syncs the folder.
absl::Status WriteExitFile(const std::string& attempt_dir,
                           const std::string& name,
                           const std::vector<worker::v1::RankProcess>& ranks);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_SUPERVISE_EXIT_FILE_H_
