#ifndef LOCKSTEP_WORKER_TEXT_TEXT_FILE_H_
#define LOCKSTEP_WORKER_TEXT_TEXT_FILE_H_

// Whole small files, for the .cc files of this folder only: worker/io, which
// has more of this, is built on this folder.

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lockstep {

// NOT_FOUND: no such file. INVALID_ARGUMENT: not a regular file, or longer
// than max_bytes.
absl::StatusOr<std::string> ReadTextFile(const std::string& path,
                                         int64_t max_bytes);

// Creates or replaces.
absl::Status WriteTextFile(const std::string& path, absl::string_view content);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TEXT_TEXT_FILE_H_
