#include "worker/prepare/output_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"

namespace lockstep {
namespace {

// The umask takes its share.
constexpr mode_t kOutputFolderMode = 0777;
constexpr int64_t kMaxClaimBytes = 4096;

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
    if (mkdir(folder.c_str(), kOutputFolderMode) == 0) {
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

absl::Status InUse(const std::string& message) {
  return errors::Error(absl::StatusCode::kFailedPrecondition, "OUTPUT_IN_USE",
                       absl::StrCat("output_dir: ", message,
                                    "; name a new folder or an empty one"));
}

// Tells the files of two threads apart.
int NextNumber() {
  static std::atomic<int> number = 0;
  return ++number;
}

// True when the claim was made now, false when it was `owner`'s before.
absl::StatusOr<bool> Claim(const std::string& claim, const std::string& owner) {
  // Two jobs may come at once: the file system lets one name its file so, and
  // nobody sees a claim that is not written yet.
  const std::string mine =
      absl::StrCat(claim, ".", getpid(), "-", NextNumber());
  if (const absl::Status written = WriteWholeFile(mine, owner, /*sync=*/true);
      !written.ok()) {
    unlink(mine.c_str());
    return NotWritable(written);
  }
  // Where the file system has no links, two jobs that come in the same moment
  // are not told apart.
  int failed = link(mine.c_str(), claim.c_str()) == 0 ? 0 : errno;
  if ((failed == EPERM || failed == EOPNOTSUPP) && !FileExists(claim)) {
    failed = rename(mine.c_str(), claim.c_str()) == 0 ? 0 : errno;
  }
  unlink(mine.c_str());
  if (failed == 0) return true;
  if (failed != EEXIST) {
    return NotWritable(ErrnoToStatus(failed, "create", claim));
  }
  const absl::StatusOr<std::string> other =
      ReadWholeFile(claim, kMaxClaimBytes);
  if (!other.ok()) return NotWritable(other.status());
  if (*other == owner) return false;
  return InUse(absl::StrCat(std::filesystem::path(claim).parent_path().string(),
                            " belongs to ", *other,
                            ", which this job's result would overwrite"));
}

// A name that is not hidden, or none.
absl::StatusOr<std::string> SomethingIn(const std::string& path) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    std::string name = entry.path().filename().string();
    if (name[0] != '.') return name;
  }
  if (error) return ErrnoToStatus(error.value(), "list", path);
  return std::string();
}

}  // namespace

absl::StatusOr<OutputFolder> OutputFolder::Make(const std::string& path,
                                                const std::string& owner) {
  OutputFolder folder;
  folder.owner_ = owner;
  const absl::Status made = MakeMissing(path, folder.made_);
  if (!made.ok()) return NotWritable(made);
  const std::string claim = JoinPath(path, kClaimFile);
  ASSIGN_OR_RETURN(const bool is_new, Claim(claim, owner));
  if (!is_new) return folder;
  folder.claim_ = claim;
  const absl::StatusOr<std::string> something = SomethingIn(path);
  if (!something.ok()) return NotWritable(something.status());
  if (something->empty()) return folder;
  return InUse(absl::StrCat(path, " holds ", *something,
                            ", and no result is mixed with other files"));
}

OutputFolder OutputFolder::Expect(const std::string& path,
                                  const std::string& owner) {
  OutputFolder folder;
  folder.owner_ = owner;
  std::string parent;
  for (const auto& part : std::filesystem::path(path)) {
    parent = parent.empty() ? part.string() : JoinPath(parent, part.string());
    if (!FileExists(parent)) folder.made_.push_back(parent);
  }
  const std::string claim = JoinPath(path, kClaimFile);
  if (!FileExists(claim)) folder.claim_ = claim;
  return folder;
}

OutputFolder::~OutputFolder() {
  if (!claim_.empty() &&
      ReadWholeFile(claim_, kMaxClaimBytes).value_or("") == owner_) {
    unlink(claim_.c_str());
  }
  // Only what is still empty goes: somebody else may use it by now.
  for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) {
    if (rmdir(folder->c_str()) != 0) break;
  }
}

}  // namespace lockstep
