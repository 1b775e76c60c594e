#ifndef LOCKSTEP_SERVER_STORE_SCHEMA_H_
#define LOCKSTEP_SERVER_STORE_SCHEMA_H_

// The tables of the store's file, and how a file gets to their newest version.
// PRAGMA user_version names the version; all steps from the file's version to
// the newest are one transaction.
//
//   jobs         a row a job: JobRecord, and the columns that SQLite checks
//   journal      what happened, in the order of the global sequence
//   checkpoints  a row a listed checkpoint
//   coordinator  at most one row: CoordinatorRecord
//   queues       a row a queue: QueueRecord; none of one that was never changed
// Each of these has a CRC-32C of its message.
//   deleted_jobs uids of deleted jobs whose files may not be gone yet

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/sqlite.h"
#include "server/store/store_check.h"

namespace lockstep {

inline constexpr int kSchemaVersion = 4;

// A file that is open, to be read. Nothing may be written to it before it is
// found whole.
struct StoreFile {
  sqlite::Connection connection;
  // Null when that was found already.
  std::unique_ptr<StoreCheck> check;
};

// Opens the store's file, ready for use by this one connection, or creates it
// when there is none. Never starts empty in the place of a store that was: a
// damaged file, or one that was emptied, is DATA_LOSS; one of a newer release
// is FAILED_PRECONDITION; one that another process uses is UNAVAILABLE. The
// message names the file and says what to do.
absl::StatusOr<StoreFile> OpenStoreFile(const std::string& path);

// The same message for what its check, or a reader of its rows, has found.
absl::Status ExplainStoreError(const std::string& path,
                               const absl::Status& status);

// DATA_LOSS with the first damage in its pages.
absl::Status CheckPages(sqlite::Connection& connection);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_STORE_SCHEMA_H_
