#ifndef LOCKSTEP_WORKER_IO_CHECKPOINT_MANIFEST_H_
#define LOCKSTEP_WORKER_IO_CHECKPOINT_MANIFEST_H_

// MANIFEST of a checkpoint: JSON that lists every other file of the folder with
// its size and SHA-256, and ends in a digest of itself. There is one spelling
// of each manifest, so a changed byte anywhere in it is found.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lockstep {

inline constexpr char kManifestFile[] = "MANIFEST";

struct ManifestFile {
  std::string name;
  int64_t bytes = 0;
  std::string sha256;
};

struct CheckpointManifest {
  int64_t step = 0;
  int64_t attempt = 0;
  std::vector<ManifestFile> files;
};

std::string ManifestText(const CheckpointManifest& manifest);

// DATA_LOSS: `text` is not what ManifestText writes; FAILED_PRECONDITION: a
// format version of another release. Messages name `path`.
absl::StatusOr<CheckpointManifest> ParseManifest(absl::string_view text,
                                                 const std::string& path);

// Whether a file in `dir` has the size and the digest of its entry; DATA_LOSS
// names the file and both.
absl::Status VerifyFile(const std::string& dir, const ManifestFile& entry);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_CHECKPOINT_MANIFEST_H_
