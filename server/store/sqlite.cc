#include "server/store/sqlite.h"

#include <sqlite3.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"
#include "server/store/crc32c.h"

namespace lockstep::sqlite {
namespace {

absl::StatusCode CodeOf(int result) {
  switch (result & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_FULL:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::StatusCode::kUnavailable;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return absl::StatusCode::kPermissionDenied;
    case SQLITE_CONSTRAINT:
      return absl::StatusCode::kFailedPrecondition;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::Status ErrorOf(sqlite3* database, int result) {
  const char* detail =
      database == nullptr ? sqlite3_errstr(result) : sqlite3_errmsg(database);
  return {CodeOf(result), absl::StrCat(detail, " (SQLite ", result, ")")};
}

// crc32c(blob) in SQL.
void Crc32cOfValue(sqlite3_context* context, int, sqlite3_value** values) {
  const void* data = sqlite3_value_blob(values[0]);
  const int size = sqlite3_value_bytes(values[0]);
  sqlite3_result_int64(context,
                       Crc32c(absl::string_view(static_cast<const char*>(data),
                                                static_cast<size_t>(size))));
}

// As a URI: what has a meaning there is written in hexadecimal digits.
std::string UriOf(absl::string_view path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '/') {
      uri.push_back(c);
    } else {
      absl::StrAppend(&uri, "%",
                      absl::BytesToHexString(absl::string_view(&c, 1)));
    }
  }
  return uri;
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

void Statement::Note(int code) {
  if (bind_error_ == SQLITE_OK) bind_error_ = code;
}

Statement& Statement::Bind(int parameter, int64_t value) {
  Note(sqlite3_bind_int64(statement_.get(), parameter, value));
  return *this;
}

Statement& Statement::BindText(int parameter, absl::string_view value) {
  Note(sqlite3_bind_text64(statement_.get(), parameter, value.data(),
                           value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Statement& Statement::BindBlob(int parameter, absl::string_view value) {
  Note(sqlite3_bind_blob64(statement_.get(), parameter, value.data(),
                           value.size(), SQLITE_TRANSIENT));
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  sqlite3* database = sqlite3_db_handle(statement_.get());
  if (bind_error_ != SQLITE_OK) {
    return ErrorOf(database, std::exchange(bind_error_, SQLITE_OK));
  }
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return ErrorOf(database, result);
}

absl::Status Statement::Run() {
  const absl::StatusOr<bool> row = Step();
  Reset();
  return row.status();
}

void Statement::Reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  bind_error_ = SQLITE_OK;
}

int64_t Statement::Int(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

absl::string_view Statement::Bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return {static_cast<const char*>(data), static_cast<size_t>(size)};
}

void Connection::Close::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}

absl::StatusOr<Connection> Connection::Open(const std::string& path) {
  return Open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
}

absl::StatusOr<Connection> Connection::OpenUnwritten(const std::string& path) {
  return Open(absl::StrCat(UriOf(path), "?immutable=1"),
              SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
}

absl::StatusOr<Connection> Connection::Open(const std::string& name,
                                            int flags) {
  sqlite3* database = nullptr;
  const int result = sqlite3_open_v2(name.c_str(), &database, flags, nullptr);
  Connection connection(database);
  if (result != SQLITE_OK) return ErrorOf(database, result);
  sqlite3_extended_result_codes(database, 1);
  sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  const int added = sqlite3_create_function_v2(
      database, "crc32c", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, nullptr,
      Crc32cOfValue, nullptr, nullptr, nullptr);
  if (added != SQLITE_OK) return ErrorOf(database, added);
  RETURN_IF_ERROR(connection.Execute("PRAGMA trusted_schema = OFF"));
  return connection;
}

absl::Status Connection::Execute(const std::string& sql) {
  const int result =
      sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) return ErrorOf(database_.get(), result);
  return absl::OkStatus();
}

absl::StatusOr<Statement> Connection::Prepare(absl::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v3(
      database_.get(), sql.data(), static_cast<int>(sql.size()),
      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (result != SQLITE_OK) return ErrorOf(database_.get(), result);
  return Statement(statement);
}

absl::StatusOr<int64_t> Connection::QueryInt(absl::string_view sql) {
  ASSIGN_OR_RETURN(Statement query, Prepare(sql));
  RETURN_IF_ERROR(query.Step().status());
  return query.Int(0);
}

absl::StatusOr<std::string> Connection::QueryText(absl::string_view sql) {
  ASSIGN_OR_RETURN(Statement query, Prepare(sql));
  RETURN_IF_ERROR(query.Step().status());
  return std::string(query.Bytes(0));
}

bool Connection::InTransaction() const {
  return sqlite3_get_autocommit(database_.get()) == 0;
}

int64_t Connection::changes() const {
  return sqlite3_changes64(database_.get());
}

void Backup::Finish::operator()(sqlite3_backup* backup) const {
  sqlite3_backup_finish(backup);
}

absl::StatusOr<Backup> Backup::Start(Connection& source,
                                     const std::string& path) {
  ASSIGN_OR_RETURN(Connection destination, Connection::Open(path));
  // Until it is whole nobody needs it: no second file, and no waiting.
  RETURN_IF_ERROR(destination.Execute("PRAGMA journal_mode = MEMORY"));
  RETURN_IF_ERROR(destination.Execute("PRAGMA synchronous = OFF"));
  sqlite3* to = destination.database_.get();
  sqlite3_backup* backup =
      sqlite3_backup_init(to, "main", source.database_.get(), "main");
  if (backup == nullptr) return ErrorOf(to, sqlite3_extended_errcode(to));
  return Backup(std::move(destination), backup);
}

absl::StatusOr<bool> Backup::Step(int pages) {
  const int result = sqlite3_backup_step(backup_.get(), pages);
  if (result == SQLITE_DONE) return true;
  if (result == SQLITE_OK) return false;
  return ErrorOf(nullptr, result);
}

}  // namespace lockstep::sqlite
