#ifndef LOCKSTEP_WORKER_IO_FILE_H_
#define LOCKSTEP_WORKER_IO_FILE_H_

// Whole files and folders, with errors that name the path, and the fsyncs that
// make "written" mean "on disk". A full disk is RESOURCE_EXHAUSTED.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lockstep {

// "dir/name", whatever slashes they bring.
std::string JoinPath(absl::string_view dir, absl::string_view name);

bool FileExists(const std::string& path);

// The status of a failed system call on `path`, from errno: NOT_FOUND,
// PERMISSION_DENIED, RESOURCE_EXHAUSTED (disk full), else INTERNAL.
absl::Status ErrnoToStatus(int error, absl::string_view action,
                           const std::string& path);

// The content of a regular file. INVALID_ARGUMENT: longer than max_bytes, or
// not a regular file.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path,
                                          int64_t max_bytes = 256 << 20);

// All of `bytes` to an open file; `path` is for messages.
absl::Status WriteBytes(int fd, absl::string_view bytes,
                        const std::string& path);

// Creates or replaces; with `sync`, returns once the bytes are on disk.
absl::Status WriteWholeFile(const std::string& path, absl::string_view content,
                            bool sync = false);

// RESOURCE_EXHAUSTED when the file system of `dir` has less than `bytes` left.
// A file system that does not say how large it is has enough.
absl::Status CheckFreeSpace(const std::string& dir, int64_t bytes);

// A copy byte for byte.
absl::Status CopyWholeFile(const std::string& from, const std::string& to);

// Has the entries of a folder on disk: names created, renamed or removed in it.
absl::Status SyncFolder(const std::string& dir);
absl::Status SyncFile(const std::string& path);

// With all parents; fine when it exists.
absl::Status MakeFolder(const std::string& dir);

// A file or a whole folder; fine when it does not exist.
absl::Status RemoveTree(const std::string& path);

// Names of the regular files, or of the folders, in a folder, sorted.
absl::StatusOr<std::vector<std::string>> ListFiles(const std::string& dir);
absl::StatusOr<std::vector<std::string>> ListFolders(const std::string& dir);

// Moves every file of `from` into `to` (same file system), replacing files of
// the same name, each at once; then removes `from`. `last` names the file that
// is moved after all others, so that a reader who sees it sees all.
absl::Status MoveFilesInto(const std::string& from, const std::string& to,
                           absl::string_view last);

// Fills OUTPUT/.unfinished by `fill`, then moves what lies in it to OUTPUT,
// `last` after all others. When `fill` fails, or the disk while it is filled,
// OUTPUT is as it was; when a move fails, `last` is not the new one. For the
// results of a job, which join what is there already.
absl::Status WriteFilesInto(
    const std::string& output, absl::string_view last,
    const std::function<absl::Status(const std::string& dir)>& fill);

// A new folder: filled under another name, then renamed, so that it appears
// whole. FAILED_PRECONDITION: `output` exists and is not empty.
absl::Status WriteFolder(
    const std::string& output,
    const std::function<absl::Status(const std::string& dir)>& fill);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_FILE_H_
