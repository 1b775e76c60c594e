#ifndef LOCKSTEP_SERVER_LAUNCHER_PROCESS_FOLDER_H_
#define LOCKSTEP_SERVER_LAUNCHER_PROCESS_FOLDER_H_

// The files between the launcher and a process: the token and the spec that it
// reads, and the exit files that supervisors leave.

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lockstep/worker/v1/worker_service.pb.h"
#include "server/launcher/launcher.h"

namespace lockstep {

// Makes the folder with the token (0600) and, for prepare, the spec. Files of
// an earlier prepare of the job are replaced.
absl::Status WriteProcessFolder(const std::string& folder,
                                const LaunchRequest& request);

// A file in place of the one of that name, if any, with these permissions.
absl::Status WriteProcessFile(const std::string& path, absl::string_view text,
                              mode_t mode);

// Removes a job's folder with all that is in it; links are not followed. OK
// when there is none. INVALID_ARGUMENT when the last part of the path is no
// uid.
absl::Status RemoveJobFolder(const std::string& folder);

// How each rank ended. NOT_FOUND when there is no exit file, DATA_LOSS when it
// is none that a supervisor writes.
absl::StatusOr<std::vector<worker::v1::RankProcess>> ReadExitFile(
    const std::string& folder);

// The same of an attempt on several hosts: by rank, what the files exit-*.json
// of its supervisors say, one a host. Those that are none say nothing.
std::vector<worker::v1::RankProcess> ReadExitFiles(const std::string& folder);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_PROCESS_FOLDER_H_
