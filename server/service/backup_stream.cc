#include "server/service/backup_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

constexpr int64_t kPieceBytes = 1 << 20;

absl::Status IoError(absl::string_view what, const std::string& path) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat(what, " ", path));
}

absl::Status Failed(const absl::Status& why) {
  return errors::Error(
      why.code(), "BACKUP_FAILED",
      absl::StrCat("the job store cannot be copied: ", why.message()));
}

}  // namespace

BackupStream::BackupStream(const ServiceParts& parts,
                           std::shared_ptr<BackupTurn> turn)
    : PullStream(parts, "lockstep.v1.ClusterService/BackupStore"),
      turn_(std::move(turn)),
      path_(absl::StrCat(parts.options.state_dir, "/backup.tmp")) {}

BackupStream::~BackupStream() { Release(); }

void BackupStream::Release() {
  copy_ = nullptr;
  if (fd_ >= 0) close(std::exchange(fd_, -1));
  if (!std::exchange(has_turn_, false)) return;
  unlink(path_.c_str());
  turn_->GiveBack();
}

absl::Status BackupStream::Begin() {
  if (!turn_->Take()) {
    return errors::Error(absl::StatusCode::kFailedPrecondition,
                         "BACKUP_RUNNING",
                         "another backup is under way; wait for its end");
  }
  has_turn_ = true;
  unlink(path_.c_str());
  // For its owner alone before anything is in it.
  const int fd =
      open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return Failed(IoError("create", path_));
  close(fd);
  absl::StatusOr<std::unique_ptr<StoreBackup::Copy>> copy =
      parts().backup.Start(path_);
  if (!copy.ok()) return Failed(copy.status());
  copy_ = *std::move(copy);
  return absl::OkStatus();
}

absl::Status BackupStream::OpenCopy() {
  copy_ = nullptr;
  fd_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd_ < 0) return IoError("open", path_);
  unlink(path_.c_str());
  struct stat info {};
  if (fstat(fd_, &info) != 0) return IoError("look at", path_);
  size_ = info.st_size;
  return absl::OkStatus();
}

absl::StatusOr<std::string> BackupStream::ReadPiece() {
  std::string piece(std::min(kPieceBytes, size_ - sent_), '\0');
  const ssize_t got = pread(fd_, piece.data(), piece.size(), sent_);
  if (got <= 0) return IoError("read", path_);
  piece.resize(got);
  return piece;
}

StreamTurn BackupStream::Next(v1::BackupStoreResponse* response) {
  StreamTurn turn = NextPiece(response);
  if (turn.what == StreamTurn::What::kEnd) Release();
  return turn;
}

StreamTurn BackupStream::NextPiece(v1::BackupStoreResponse* response) {
  if (!std::exchange(begun_, true)) {
    if (absl::Status status = Begin(); !status.ok()) {
      return StreamTurn::End(std::move(status));
    }
  }
  if (copy_ != nullptr) {
    const absl::StatusOr<bool> whole = copy_->Step();
    if (!whole.ok()) return StreamTurn::End(Failed(whole.status()));
    // Other streams have their turn in between.
    if (!*whole) return StreamTurn::Wait(absl::ZeroDuration());
    if (const absl::Status opened = OpenCopy(); !opened.ok()) {
      return StreamTurn::End(Failed(opened));
    }
  }
  if (sent_ == size_) return StreamTurn::End(absl::OkStatus());
  absl::StatusOr<std::string> piece = ReadPiece();
  if (!piece.ok()) return StreamTurn::End(Failed(piece.status()));
  sent_ += static_cast<int64_t>(piece->size());
  response->set_data(*std::move(piece));
  response->set_total_bytes(size_);
  return StreamTurn::Write();
}

}  // namespace lockstep
