#ifndef LOCKSTEP_SERVER_SERVICE_BACKUP_STREAM_H_
#define LOCKSTEP_SERVER_SERVICE_BACKUP_STREAM_H_

// BackupStore: copies the store into a file of the state folder, piece by
// piece, and then sends that. The coordinator writes no file that a client
// names. The file has no name any more once it is whole, so nothing of it
// outlives the stream; of a coordinator that died meanwhile the next backup
// removes it.

#include <atomic>
#include <memory>
#include <string>

#include "lockstep/v1/cluster_service.pb.h"
#include "server/service/pull_stream.h"
#include "server/store/store_backup.h"

namespace lockstep {

// Given to one stream at a time: two copies might fill the disk.
class BackupTurn {
 public:
  bool Take() { return !taken_.exchange(true); }
  void GiveBack() { taken_ = false; }

 private:
  std::atomic<bool> taken_ = false;
};

class BackupStream final : public PullStream<v1::BackupStoreResponse> {
 public:
  // Shared: the pump may hold a stream for a moment longer than the service
  // lives.
  BackupStream(const ServiceParts& parts, std::shared_ptr<BackupTurn> turn);
  ~BackupStream() override;

 private:
  StreamTurn Next(v1::BackupStoreResponse* response) override;
  StreamTurn NextPiece(v1::BackupStoreResponse* response);
  // The file is gone and the next stream has its turn: before the end is told.
  void Release();
  absl::Status Begin();
  // The copy is whole: from here on it is read.
  absl::Status OpenCopy();
  absl::StatusOr<std::string> ReadPiece();

  const std::shared_ptr<BackupTurn> turn_;
  const std::string path_;
  bool begun_ = false;
  bool has_turn_ = false;
  std::unique_ptr<StoreBackup::Copy> copy_;
  int fd_ = -1;
  int64_t size_ = 0;
  int64_t sent_ = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_BACKUP_STREAM_H_
