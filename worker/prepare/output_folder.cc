#include "worker/prepare/output_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"

namespace lockstep {
namespace {

constexpr mode_t kFolderMode = 0777;  // The umask takes its share.

absl::Status NotWritable(const absl::Status& why) {
  const std::string message = absl::StrCat("output_dir: ", why.message());
  if (absl::IsResourceExhausted(why)) {
    return absl::ResourceExhaustedError(message);
  }
  return errors::Error(absl::StatusCode::kFailedPrecondition,
                       "OUTPUT_NOT_WRITABLE",
                       absl::StrCat(message,
                                    "; it must be a folder that this host can "
                                    "write to, or one that can be made"));
}

absl::Status MakeMissing(const std::string& path,
                         std::vector<std::string>& made) {
  std::string folder;
  for (const auto& part : std::filesystem::path(path)) {
    folder = folder.empty() ? part.string() : JoinPath(folder, part.string());
    if (mkdir(folder.c_str(), kFolderMode) == 0) {
      made.push_back(folder);
      continue;
    }
    // A parent may be one that cannot be written and need not be.
    const int error = errno;
    std::error_code ignored;
    if (!std::filesystem::is_directory(folder, ignored)) {
      return ErrnoToStatus(error, "make the folder", folder);
    }
  }
  return absl::OkStatus();
}

absl::Status TryToWrite(const std::string& path) {
  std::string probe = JoinPath(path, ".lockstep-probe-XXXXXX");
  const int fd = mkstemp(probe.data());
  if (fd < 0) return ErrnoToStatus(errno, "create a file in it", path);
  close(fd);
  if (unlink(probe.c_str()) != 0) {
    return ErrnoToStatus(errno, "remove the file just made", probe);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<OutputFolder> OutputFolder::Make(const std::string& path) {
  OutputFolder folder;
  absl::Status status = MakeMissing(path, folder.made_);
  if (status.ok()) status = TryToWrite(path);
  if (!status.ok()) return NotWritable(status);
  return folder;
}

OutputFolder::~OutputFolder() {
  // Only what is still empty goes: somebody else may use it by now.
  for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) {
    if (rmdir(folder->c_str()) != 0) break;
  }
}

}  // namespace lockstep
