#ifndef LOCKSTEP_SERVER_STORE_SQLITE_H_
#define LOCKSTEP_SERVER_STORE_SQLITE_H_

// SQLite with absl::Status and owned handles, and with the function
// crc32c(blob) in its SQL; the only place that sees sqlite3.h. A damaged file
// is DATA_LOSS, a full disk RESOURCE_EXHAUSTED, a file that another process
// holds UNAVAILABLE.
//
// A connection and its statements are used by one thread at a time.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct sqlite3;
struct sqlite3_backup;
struct sqlite3_stmt;

namespace lockstep::sqlite {

// A prepared statement. Parameters and columns count from 1 and from 0, as in
// SQLite. What was bound is copied.
class Statement {
 public:
  Statement& Bind(int parameter, int64_t value);
  Statement& BindText(int parameter, absl::string_view value);
  Statement& BindBlob(int parameter, absl::string_view value);

  // True with a row, false at the end. Reports a failed Bind as well.
  absl::StatusOr<bool> Step();
  // Runs a statement without rows and makes it ready for the next use.
  absl::Status Run();
  // Ready for the next use.
  void Reset();

  int64_t Int(int column) const;
  // Text or blob; valid until the next Step, Run or Reset.
  absl::string_view Bytes(int column) const;

 private:
  friend class Connection;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };

  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  void Note(int code);

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bind_error_ = 0;
};

class Connection {
 public:
  // Creates the file when it is missing.
  static absl::StatusOr<Connection> Open(const std::string& path);
  // To read the file as it is, without its write-ahead log and without locks:
  // while this is open nobody may write it.
  static absl::StatusOr<Connection> OpenUnwritten(const std::string& path);

  // Runs statements that return nothing of interest.
  absl::Status Execute(const std::string& sql);
  absl::StatusOr<Statement> Prepare(absl::string_view sql);
  // The number that a query without parameters returns in its first row.
  absl::StatusOr<int64_t> QueryInt(absl::string_view sql);
  // The same for text.
  absl::StatusOr<std::string> QueryText(absl::string_view sql);

  bool InTransaction() const;
  // Rows changed by the newest statement.
  int64_t changes() const;

 private:
  friend class Backup;
  struct Close {
    void operator()(sqlite3* database) const;
  };

  explicit Connection(sqlite3* database) : database_(database) {}
  static absl::StatusOr<Connection> Open(const std::string& name, int flags);

  std::unique_ptr<sqlite3, Close> database_;
};

// An online backup: the source may be written, by its own connection, between
// two steps, and must outlive the backup. Used by one thread at a time together
// with the source.
class Backup {
 public:
  // To a file that is empty or missing.
  static absl::StatusOr<Backup> Start(Connection& source,
                                      const std::string& path);

  // Copies up to this many pages; true when the copy is whole.
  absl::StatusOr<bool> Step(int pages);

 private:
  struct Finish {
    void operator()(sqlite3_backup* backup) const;
  };

  Backup(Connection destination, sqlite3_backup* backup)
      : destination_(std::move(destination)), backup_(backup) {}

  Connection destination_;
  std::unique_ptr<sqlite3_backup, Finish> backup_;
};

}  // namespace lockstep::sqlite

#endif  // LOCKSTEP_SERVER_STORE_SQLITE_H_
