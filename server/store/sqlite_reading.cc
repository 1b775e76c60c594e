// What a SqliteJobStore reads from its file: all rows when it is opened, and
// old journal entries.

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"
#include "server/store/row_loader.h"
#include "server/store/schema.h"
#include "server/store/sqlite_job_store.h"

namespace lockstep {
namespace {

absl::Status Unreadable(absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat("the job store holds a ", what,
                   " that is damaged; restore it from a backup"));
}

// From column 0, whose checksum is right when column 1 says so.
template <typename Message>
bool Read(const sqlite::Statement& row, Message& message) {
  const absl::string_view bytes = row.Bytes(0);
  return row.Int(1) == 1 &&
         message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

// Beside the one that reads.
int HelpingThreads() {
  constexpr unsigned kMost = 8;
  return static_cast<int>(
      std::clamp(std::thread::hardware_concurrency(), 2U, kMost) - 1);
}

}  // namespace

absl::StatusOr<SqliteJobStore::Database> SqliteJobStore::Prepare(
    sqlite::Connection connection) {
  ASSIGN_OR_RETURN(
      sqlite::Statement insert_job,
      connection.Prepare("INSERT INTO jobs (name, version, owner, request_id, "
                         "record, crc) VALUES (?1, 1, ?2, ?3, ?4, "
                         "crc32c(?4))"));
  // Only the version that follows the stored one.
  ASSIGN_OR_RETURN(
      sqlite::Statement update_job,
      connection.Prepare("UPDATE jobs SET version = ?1, record = ?2, "
                         "crc = crc32c(?2) "
                         "WHERE name = ?3 AND version = ?1 - 1"));
  // Of a job that is there, or the word that it is no more.
  ASSIGN_OR_RETURN(
      sqlite::Statement insert_event,
      connection.Prepare(
          "INSERT INTO journal (sequence, job, event, crc) "
          "SELECT ?1, ?2, ?3, crc32c(?3) "
          "WHERE ?4 OR EXISTS (SELECT 1 FROM jobs WHERE name = ?2)"));
  ASSIGN_OR_RETURN(
      sqlite::Statement put_checkpoint,
      connection.Prepare("INSERT OR REPLACE INTO checkpoints (job, step, "
                         "checkpoint, crc) VALUES (?1, ?2, ?3, crc32c(?3))"));
  ASSIGN_OR_RETURN(sqlite::Statement unlist_checkpoint,
                   connection.Prepare(
                       "DELETE FROM checkpoints WHERE job = ?1 AND step = ?2"));
  ASSIGN_OR_RETURN(
      sqlite::Statement remember_uid,
      connection.Prepare("INSERT INTO deleted_jobs (uid) VALUES (?)"));
  ASSIGN_OR_RETURN(sqlite::Statement delete_checkpoints,
                   connection.Prepare("DELETE FROM checkpoints WHERE job = ?"));
  ASSIGN_OR_RETURN(sqlite::Statement delete_events,
                   connection.Prepare("DELETE FROM journal WHERE job = ?"));
  ASSIGN_OR_RETURN(sqlite::Statement delete_job,
                   connection.Prepare("DELETE FROM jobs WHERE name = ?"));
  ASSIGN_OR_RETURN(
      sqlite::Statement forget_uid,
      connection.Prepare("DELETE FROM deleted_jobs WHERE uid = ?"));
  ASSIGN_OR_RETURN(
      sqlite::Statement put_coordinator,
      connection.Prepare("INSERT OR REPLACE INTO coordinator (id, record, crc) "
                         "VALUES (1, ?1, crc32c(?1))"));
  ASSIGN_OR_RETURN(
      sqlite::Statement put_queue,
      connection.Prepare("INSERT OR REPLACE INTO queues (name, record, crc) "
                         "VALUES (?1, ?2, crc32c(?2))"));
  ASSIGN_OR_RETURN(sqlite::Statement delete_queue,
                   connection.Prepare("DELETE FROM queues WHERE name = ?"));
  ASSIGN_OR_RETURN(
      sqlite::Statement read_journal,
      connection.Prepare("SELECT event, crc32c(event) = crc FROM journal "
                         "WHERE sequence > ?1 ORDER BY sequence LIMIT ?2"));
  ASSIGN_OR_RETURN(
      sqlite::Statement read_job_journal,
      connection.Prepare(
          "SELECT event, crc32c(event) = crc FROM journal "
          "WHERE sequence > ?1 AND job = ?3 ORDER BY sequence LIMIT ?2"));
  return Database{.connection = std::move(connection),
                  .insert_job = std::move(insert_job),
                  .update_job = std::move(update_job),
                  .insert_event = std::move(insert_event),
                  .put_checkpoint = std::move(put_checkpoint),
                  .unlist_checkpoint = std::move(unlist_checkpoint),
                  .remember_uid = std::move(remember_uid),
                  .delete_checkpoints = std::move(delete_checkpoints),
                  .delete_events = std::move(delete_events),
                  .delete_job = std::move(delete_job),
                  .forget_uid = std::move(forget_uid),
                  .put_coordinator = std::move(put_coordinator),
                  .put_queue = std::move(put_queue),
                  .delete_queue = std::move(delete_queue),
                  .read_journal = std::move(read_journal),
                  .read_job_journal = std::move(read_job_journal)};
}

absl::StatusOr<std::unique_ptr<SqliteJobStore>> SqliteJobStore::Open(
    const std::string& path, const Options& options) {
  ASSIGN_OR_RETURN(StoreFile file, OpenStoreFile(path));
  ASSIGN_OR_RETURN(Database database, Prepare(std::move(file.connection)));
  std::unique_ptr<SqliteJobStore> store(
      new SqliteJobStore(path, options, std::move(database)));
  const absl::Status loaded = store->Load();
  // What its pages lack says more than a row that cannot be read for it.
  if (file.check != nullptr) {
    RETURN_IF_ERROR(ExplainStoreError(path, file.check->Wait()));
  }
  if (!loaded.ok()) {
    return absl::Status(loaded.code(),
                        absl::StrCat(path, ": ", loaded.message()));
  }
  return store;
}

absl::Status SqliteJobStore::LoadJobs() {
  ASSIGN_OR_RETURN(
      sqlite::Statement jobs,
      database_.connection.Prepare("SELECT record, crc, id FROM jobs "
                                   "ORDER BY id"));
  RowLoader loader(HelpingThreads());
  while (true) {
    ASSIGN_OR_RETURN(const bool row, jobs.Step());
    if (!row) break;
    loader.Add(jobs.Int(2), jobs.Int(1), jobs.Bytes(0));
  }
  absl::StatusOr<std::vector<RowLoader::Row>> rows = loader.Finish();
  if (!rows.ok()) return Unreadable("job");
  for (RowLoader::Row& row : *rows) {
    rows_.RestoreJob(row.order, std::move(row.record));
  }
  return absl::OkStatus();
}

absl::Status SqliteJobStore::LoadQueues() {
  ASSIGN_OR_RETURN(sqlite::Statement queues,
                   database_.connection.Prepare(
                       "SELECT record, crc32c(record) = crc FROM queues"));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, queues.Step());
    if (!row) return absl::OkStatus();
    server::QueueRecord record;
    if (!Read(queues, record)) return Unreadable("queue");
    rows_.RestoreQueue(record);
  }
}

absl::Status SqliteJobStore::Load() {
  absl::MutexLock lock(&mu_);
  sqlite::Connection& connection = database_.connection;
  RETURN_IF_ERROR(LoadJobs());
  ASSIGN_OR_RETURN(sqlite::Statement checkpoints,
                   connection.Prepare("SELECT checkpoint, "
                                      "crc32c(checkpoint) = crc "
                                      "FROM checkpoints"));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, checkpoints.Step());
    if (!row) break;
    v1::Checkpoint checkpoint;
    if (!Read(checkpoints, checkpoint)) return Unreadable("checkpoint");
    rows_.RestoreCheckpoint(checkpoint);
  }
  RETURN_IF_ERROR(LoadQueues());
  ASSIGN_OR_RETURN(sqlite::Statement coordinator,
                   connection.Prepare("SELECT record, crc32c(record) = crc "
                                      "FROM coordinator"));
  ASSIGN_OR_RETURN(const bool remembers, coordinator.Step());
  if (remembers) {
    server::CoordinatorRecord record;
    if (!Read(coordinator, record)) return Unreadable("coordinator's row");
    rows_.RestoreCoordinator(record);
  }
  ASSIGN_OR_RETURN(
      const int64_t order,
      connection.QueryInt("SELECT ifnull(max(seq), 0) FROM sqlite_sequence "
                          "WHERE name = 'jobs'"));
  ASSIGN_OR_RETURN(
      const int64_t sequence,
      connection.QueryInt("SELECT ifnull(max(sequence), 0) FROM journal"));
  rows_.RestoreCounters(order, sequence);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Event>> SqliteJobStore::ReadEvents(
    int64_t after, int limit, absl::string_view job_name) const {
  absl::MutexLock lock(&mu_);
  sqlite::Statement& query =
      job_name.empty() ? database_.read_journal : database_.read_job_journal;
  auto reset = absl::MakeCleanup([&] { query.Reset(); });
  query.Bind(1, after).Bind(2, limit);
  if (!job_name.empty()) query.BindText(3, job_name);
  std::vector<v1::Event> events;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return events;
    v1::Event event;
    if (!Read(query, event)) return Unreadable("journal entry");
    events.push_back(std::move(event));
  }
}

absl::StatusOr<std::vector<JournalEntry>> SqliteJobStore::ReadJournal(
    int64_t after, int limit, absl::string_view job_name) const {
  std::vector<JournalEntry> entries;
  while (static_cast<int>(entries.size()) < limit) {
    const int wanted = limit - static_cast<int>(entries.size());
    ASSIGN_OR_RETURN(std::vector<v1::Event> events,
                     ReadEvents(after, wanted, job_name));
    const bool more = static_cast<int>(events.size()) == wanted;
    // On disk, but not told to its writer yet: not committed for readers.
    const int64_t last = rows_.LastSequence();
    for (v1::Event& event : events) {
      after = event.sequence();
      if (after > last) return entries;
      std::optional<JournalEntry> entry = rows_.EntryOf(std::move(event));
      if (entry.has_value()) entries.push_back(*std::move(entry));
    }
    if (!more) break;
  }
  return entries;
}

absl::StatusOr<std::vector<std::string>> SqliteJobStore::Unforgotten() const {
  absl::MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(
      sqlite::Statement query,
      database_.connection.Prepare("SELECT uid FROM deleted_jobs"));
  std::vector<std::string> uids;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return uids;
    uids.emplace_back(query.Bytes(0));
  }
}

}  // namespace lockstep
