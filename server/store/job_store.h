#ifndef LOCKSTEP_SERVER_STORE_JOB_STORE_H_
#define LOCKSTEP_SERVER_STORE_JOB_STORE_H_

// The durable memory of the coordinator: jobs, their checkpoints, queues, and
// the journal of everything that happened.
//
// Writes are asynchronous and grouped: the one store thread puts all waiting
// writes into one transaction, and calls each write's `done` after the commit
// is on disk (synchronous=FULL). A write that was reported done survives
// kill -9 and power loss. The scheduler is the only writer, and keeps its own
// copy of the state; readers (services) see committed rows only.
//
// Thread-safe.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"
#include "server/store/job_row.h"
#include "server/store/queue_row.h"
#include "server/store/record.pb.h"

namespace lockstep {

// Type of the one event that stays of a deleted job.
inline constexpr char kJobDeleted[] = "JOB_DELETED";

// One committed journal entry: what happened, and the job after it; of a
// deleted job the name alone.
struct JournalEntry {
  v1::Event event;
  SharedJob job;
};

struct DeletedJob {
  std::string name;
  std::string uid;
};

// What one decision of the scheduler makes durable, all or nothing.
struct StoreWrite {
  // Rows, whole; version 1 inserts, a higher one replaces.
  std::vector<JobRow> jobs;
  // Appended to the journal in this order; the store sets `sequence`.
  std::vector<v1::Event> events;
  // Listed from now on; name is jobs/{job}/checkpoints/{step}.
  std::vector<v1::Checkpoint> checkpoints;
  // Names of listed ones that are not any more.
  std::vector<std::string> unlisted;
  // Rows that go, with their checkpoints and journal entries; the write's own
  // events stay. Uids are remembered until they are forgotten.
  std::vector<DeletedJob> deletions;
  // Uids of deleted jobs of which nothing is left.
  std::vector<std::string> forgotten;
  // What the coordinator remembers from now on.
  std::optional<server::CoordinatorRecord> coordinator;
  // Rows of queues, whole, and names of those that go.
  std::vector<QueueRow> queues;
  std::vector<std::string> deleted_queues;

  bool empty() const {
    return jobs.empty() && events.empty() && checkpoints.empty() &&
           unlisted.empty() && deletions.empty() && forgotten.empty() &&
           !coordinator.has_value() && queues.empty() && deleted_queues.empty();
  }
};

struct ListJobsQuery {
  enum class Order { kCreation, kName };

  int page_size = 100;
  // next_page_token of the page before; empty for the first. Valid also after a
  // restart, for the same order only.
  std::string page_token;
  Order order = Order::kCreation;
  bool descending = true;
  // All jobs when not set.
  std::function<bool(const v1::Job&)> matches;
  // Up to when goodput is counted; not set: to each job's newest change.
  std::optional<absl::Time> goodput_until;
};

struct JobPage {
  std::vector<v1::Job> jobs;
  std::string next_page_token;
};

class JobStore {
 public:
  // Receives OK with the committed entries, or the error that makes the store
  // unusable. Called on the store thread, in commit order.
  using Done =
      absl::AnyInvocable<void(absl::StatusOr<std::vector<JournalEntry>>)>;

  virtual ~JobStore() = default;

  // Queues a write; never blocks on the disk. After the first failed commit all
  // later writes fail with UNAVAILABLE, STORE_UNAVAILABLE. A full disk fails
  // none: they wait for room.
  virtual void Commit(StoreWrite write, Done done) = 0;

  // What somebody would ask now. A new job may wait until there is plenty; a
  // change of one that is there (an end, a deletion) uses what is left.
  enum class Demand { kNewJob, kChange };
  // Whether it should be asked: RESOURCE_EXHAUSTED, STORE_FULL, when the disk
  // has no room for it.
  virtual absl::Status CheckRoom(Demand) const { return absl::OkStatus(); }

  // All rows, for the scheduler at start.
  virtual absl::StatusOr<std::vector<JobRow>> LoadAll() = 0;

  // A committed row with its newest progress. NOT_FOUND: JOB_NOT_FOUND.
  virtual absl::StatusOr<JobRow> FindRow(absl::string_view name) const = 0;
  // What users see of it; goodput is that of its newest change.
  absl::StatusOr<SharedJob> Find(absl::string_view name) const {
    const absl::StatusOr<JobRow> row = FindRow(name);
    if (!row.ok()) return row.status();
    return JobOf(*row);
  }
  // The same as a copy.
  absl::StatusOr<v1::Job> Get(absl::string_view name) const {
    const absl::StatusOr<SharedJob> job = Find(name);
    if (!job.ok()) return job.status();
    return **job;
  }

  // In the order of the query. INVALID_ARGUMENT: INVALID_PAGE_TOKEN.
  virtual absl::StatusOr<JobPage> List(const ListJobsQuery& query) const = 0;

  // Oldest first. NOT_FOUND: JOB_NOT_FOUND.
  virtual absl::StatusOr<std::vector<v1::Checkpoint>> ListCheckpoints(
      absl::string_view job_name) const = 0;

  // At most `limit` journal entries with sequence > after, oldest first, each
  // with the job as it is now. `job_name` empty: all jobs.
  virtual absl::StatusOr<std::vector<JournalEntry>> ReadJournal(
      int64_t after, int limit, absl::string_view job_name) const = 0;

  // Uids of deleted jobs that are not forgotten: something of them may be left
  // beside the store.
  virtual absl::StatusOr<std::vector<std::string>> Unforgotten() const = 0;

  // As committed; empty at first.
  virtual server::CoordinatorRecord Coordinator() const = 0;

  // As committed, by name.
  virtual std::vector<server::QueueRecord> Queues() const = 0;

  // Sequence of the newest committed entry; 0 when there is none.
  virtual int64_t LastSequence() const = 0;

  // What GetJob shows as progress until the next report. Not durable by itself:
  // metric segments are the record.
  virtual void UpdateProgress(absl::string_view name,
                              const v1::Progress& progress) = 0;

  // Likewise where its time went. What is older than what the row says changes
  // nothing.
  virtual void UpdateGoodput(absl::string_view name, const v1::Goodput& goodput,
                             const server::TimeAccount& account) = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_STORE_JOB_STORE_H_
