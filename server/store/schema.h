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
// Each of these has a CRC-32C of its message.
//   deleted_jobs uids of deleted jobs whose files may not be gone yet

#include <string>

#include "absl/status/statusor.h"
#include "server/store/sqlite.h"

namespace lockstep {

inline constexpr int kSchemaVersion = 3;

// Opens the store's file, ready for use by this one connection, or creates it
// when there is none. Never starts empty in the place of a store that was: a
// damaged file, or one that was emptied, is DATA_LOSS; one of a newer release
// is FAILED_PRECONDITION; one that another process uses is UNAVAILABLE. The
// message names the file and says what to do.
absl::StatusOr<sqlite::Connection> OpenStoreFile(const std::string& path);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_STORE_SCHEMA_H_
