#include "server/store/schema.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

// Job files and paths of users are nobody else's business.
constexpr fs::perms kStoreMode =
    fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read;

// "LKST": tells a store from any other SQLite file.
constexpr int64_t kApplicationId = 0x4c4b5354;

// Step i leads from version i to i + 1.
constexpr const char* kSteps[kSchemaVersion] = {
    // The request id is indexed beside the record so that the file itself
    // cannot hold two jobs for one request.
    R"sql(
      CREATE TABLE jobs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        version INTEGER NOT NULL,
        owner TEXT NOT NULL,
        request_id TEXT NOT NULL,
        record BLOB NOT NULL
      ) STRICT;
      CREATE UNIQUE INDEX jobs_by_request ON jobs (owner, request_id)
        WHERE request_id <> '';
      CREATE TABLE journal (
        sequence INTEGER PRIMARY KEY,
        job TEXT NOT NULL REFERENCES jobs (name),
        event BLOB NOT NULL
      ) STRICT;
      CREATE INDEX journal_by_job ON journal (job, sequence);
      CREATE TABLE checkpoints (
        job TEXT NOT NULL REFERENCES jobs (name),
        step INTEGER NOT NULL,
        checkpoint BLOB NOT NULL,
        PRIMARY KEY (job, step)
      ) STRICT, WITHOUT ROWID;
    )sql",
    // Jobs can be deleted: the journal keeps the word that one is no more, and
    // files of it that may be left are known by its uid. What SQLite's own
    // check
    // does not see, a changed byte within a value, a checksum tells.
    R"sql(
      ALTER TABLE jobs ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
      UPDATE jobs SET crc = crc32c(record);
      ALTER TABLE checkpoints ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
      UPDATE checkpoints SET crc = crc32c(checkpoint);
      CREATE TABLE new_journal (
        sequence INTEGER PRIMARY KEY,
        job TEXT NOT NULL,
        event BLOB NOT NULL,
        crc INTEGER NOT NULL
      ) STRICT;
      INSERT INTO new_journal
        SELECT sequence, job, event, crc32c(event) FROM journal;
      DROP TABLE journal;
      ALTER TABLE new_journal RENAME TO journal;
      CREATE INDEX journal_by_job ON journal (job, sequence);
      CREATE TABLE deleted_jobs (
        uid TEXT NOT NULL PRIMARY KEY
      ) STRICT, WITHOUT ROWID;
    )sql",
    // What is not of any job.
    R"sql(
      CREATE TABLE coordinator (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        record BLOB NOT NULL,
        crc INTEGER NOT NULL
      ) STRICT;
    )sql",
    // Jobs share quotas.
    R"sql(
      CREATE TABLE queues (
        name TEXT NOT NULL PRIMARY KEY,
        record BLOB NOT NULL,
        crc INTEGER NOT NULL
      ) STRICT;
    )sql",
};

absl::Status Damaged(const std::string& path, absl::string_view why) {
  return absl::DataLossError(absl::StrCat(
      "the job store ", path, " is damaged: ", why,
      ". Restore it from a backup (lockstep server backup makes one), or move "
      "it away to start without its jobs"));
}

absl::Status Migrate(sqlite::Connection& connection, int64_t from) {
  std::string sql = "BEGIN IMMEDIATE;";
  for (int64_t step = from; step < kSchemaVersion; ++step) {
    absl::StrAppend(&sql, kSteps[step]);
  }
  absl::StrAppend(&sql, "PRAGMA application_id = ", kApplicationId,
                  "; PRAGMA user_version = ", kSchemaVersion, "; COMMIT;");
  absl::Status status = connection.Execute(sql);
  // Without effect when no transaction is open.
  if (!status.ok()) connection.Execute("ROLLBACK").IgnoreError();
  return status;
}

absl::Status SyncFolder(const std::string& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("open ", folder));
  const int result = fsync(fd);
  const int error = errno;
  close(fd);
  if (result != 0) {
    return absl::ErrnoToStatus(error, absl::StrCat("fsync ", folder));
  }
  return absl::OkStatus();
}

// The file appears under its name only when it is complete. So an empty or
// half-written file under that name is damage, never a start that was cut off.
// A usual row has 2.3 KB: three share a page, where one of 4 KiB held but one,
// and a start reads that much less.
absl::Status Create(const std::string& path) {
  const std::string temporary = path + ".new";
  std::error_code error;
  fs::remove(temporary, error);
  {
    ASSIGN_OR_RETURN(sqlite::Connection connection,
                     sqlite::Connection::Open(temporary));
    RETURN_IF_ERROR(connection.Execute("PRAGMA synchronous = FULL"));
    RETURN_IF_ERROR(connection.Execute("PRAGMA page_size = 8192"));
    RETURN_IF_ERROR(Migrate(connection, 0));
  }
  // Its write-ahead log gets the same mode.
  fs::permissions(temporary, kStoreMode, error);
  if (!error) fs::rename(temporary, path, error);
  if (error) {
    return absl::ErrnoToStatus(
        error.value(), absl::StrCat("rename ", temporary, " to ", path));
  }
  return SyncFolder(fs::path(path).parent_path().string());
}

absl::StatusOr<int64_t> CheckedVersion(sqlite::Connection& connection) {
  ASSIGN_OR_RETURN(const int64_t application,
                   connection.QueryInt("PRAGMA application_id"));
  ASSIGN_OR_RETURN(const int64_t version,
                   connection.QueryInt("PRAGMA user_version"));
  if (application != kApplicationId || version < 1) {
    return absl::DataLossError("it is not a store of Lockstep, or was emptied");
  }
  if (version > kSchemaVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("its version is ", version,
                     ", of a newer release; this one knows versions up to ",
                     kSchemaVersion, ". Start the newer lockstepd"));
  }
  return version;
}

// Whether the file itself holds all that was committed.
bool HasWholeFile(sqlite::Connection& connection) {
  // Its first column: whether it was hindered. A full disk hinders it, too.
  const absl::StatusOr<int64_t> hindered =
      connection.QueryInt("PRAGMA wal_checkpoint(TRUNCATE)");
  return hindered.ok() && *hindered == 0;
}

// The check that is left to do, if any.
absl::StatusOr<std::unique_ptr<StoreCheck>> Prepare(
    const std::string& path, sqlite::Connection& connection) {
  // Exclusive: no second connection can ever write or checkpoint, which some
  // versions of SQLite (3.7.0 to 3.51.2) answer with a corrupt file.
  RETURN_IF_ERROR(connection.Execute("PRAGMA locking_mode = EXCLUSIVE"));
  RETURN_IF_ERROR(connection.Execute("PRAGMA synchronous = FULL"));
  RETURN_IF_ERROR(connection.Execute("PRAGMA foreign_keys = ON"));
  ASSIGN_OR_RETURN(const int64_t version, CheckedVersion(connection));
  ASSIGN_OR_RETURN(const std::string mode,
                   connection.QueryText("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return absl::InternalError(absl::StrCat("its journal mode is ", mode));
  }
  if (version == kSchemaVersion && HasWholeFile(connection)) {
    return std::make_unique<StoreCheck>(path);
  }
  RETURN_IF_ERROR(CheckPages(connection));
  if (version < kSchemaVersion) RETURN_IF_ERROR(Migrate(connection, version));
  return nullptr;
}

absl::StatusOr<StoreFile> Open(const std::string& path) {
  if (!fs::exists(path)) {
    // With its write-ahead log a store was here.
    if (fs::exists(path + "-wal")) {
      return absl::DataLossError(
          absl::StrCat("the file is missing, but ", path, "-wal is there"));
    }
    RETURN_IF_ERROR(Create(path));
  }
  ASSIGN_OR_RETURN(sqlite::Connection connection,
                   sqlite::Connection::Open(path));
  ASSIGN_OR_RETURN(std::unique_ptr<StoreCheck> check,
                   Prepare(path, connection));
  return StoreFile{std::move(connection), std::move(check)};
}

}  // namespace

absl::StatusOr<StoreFile> OpenStoreFile(const std::string& path) {
  absl::StatusOr<StoreFile> file = Open(path);
  if (!file.ok()) return ExplainStoreError(path, file.status());
  return file;
}

absl::Status ExplainStoreError(const std::string& path,
                               const absl::Status& status) {
  if (status.ok()) return status;
  if (absl::IsDataLoss(status)) return Damaged(path, status.message());
  if (absl::IsUnavailable(status)) {
    return absl::UnavailableError(
        absl::StrCat("the job store ", path,
                     " is in use by another process: ", status.message()));
  }
  return {status.code(), absl::StrCat("the job store ", path,
                                      " cannot be used: ", status.message())};
}

absl::Status CheckPages(sqlite::Connection& connection) {
  ASSIGN_OR_RETURN(const std::string health,
                   connection.QueryText("PRAGMA quick_check(1)"));
  return health == "ok" ? absl::OkStatus() : absl::DataLossError(health);
}

}  // namespace lockstep
