// The backup of a SqliteJobStore: by its own connection, a piece at a time.

#include <optional>
#include <utility>

#include "proto/contract/status_macros.h"
#include "server/store/sqlite_job_store.h"

namespace lockstep {

class SqliteJobStore::BackupCopy final : public StoreBackup::Copy {
 public:
  BackupCopy(SqliteJobStore& store, sqlite::Backup backup)
      : store_(store), backup_(std::move(backup)) {}

  ~BackupCopy() override {
    absl::MutexLock lock(&store_.mu_);
    backup_.reset();
  }

  absl::StatusOr<bool> Step() override {
    absl::MutexLock lock(&store_.mu_);
    return backup_->Step(kPagesAtATime);
  }

 private:
  // A commit waits no longer than for this.
  static constexpr int kPagesAtATime = 256;

  SqliteJobStore& store_;
  std::optional<sqlite::Backup> backup_;
};

absl::StatusOr<std::unique_ptr<StoreBackup::Copy>> SqliteJobStore::Start(
    const std::string& path) {
  absl::MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(sqlite::Backup backup,
                   sqlite::Backup::Start(database_.connection, path));
  return std::make_unique<BackupCopy>(*this, std::move(backup));
}

}  // namespace lockstep
