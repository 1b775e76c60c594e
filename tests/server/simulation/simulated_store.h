#ifndef LOCKSTEP_TESTS_SERVER_SIMULATION_SIMULATED_STORE_H_
#define LOCKSTEP_TESTS_SERVER_SIMULATION_SIMULATED_STORE_H_

// A JobStore whose disk the simulation moves: what was committed waits until
// Sync, which makes all of it durable as one group, and a crash before that
// loses it. Rows and their rules are those of the real stores (CommittedRows).
// Runs on one thread.

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "server/store/committed_rows.h"
#include "server/store/job_store.h"
#include "server/store/memory_journal.h"

namespace lockstep::testing {

class SimulatedStore final : public JobStore {
 public:
  // Told of each write that the store calls durable.
  using Observer = std::function<void(const StoreWrite&)>;

  // With `lies` a group reaches the disk with the next one only, whatever the
  // store said: a missing fsync.
  SimulatedStore(Observer observer, bool lies)
      : observer_(std::move(observer)), lies_(lies) {}

  bool waits() const { return !waiting_.empty(); }
  // All that waits becomes durable; a write that breaks the store's rules is
  // returned as an error. The callers hear of it unless the coordinator dies
  // before: then Crash follows.
  absl::Status Sync();
  // Tells the oldest caller that it is durable; false when there is none.
  bool TellNext();
  // What was not synced is gone, and nobody is told anything.
  void Crash();

  void Commit(StoreWrite write, Done done) override;
  absl::StatusOr<std::vector<JobRow>> LoadAll() override;
  absl::StatusOr<JobRow> FindRow(absl::string_view name) const override;
  absl::StatusOr<JobPage> List(const ListJobsQuery& query) const override;
  absl::StatusOr<std::vector<v1::Checkpoint>> ListCheckpoints(
      absl::string_view job_name) const override;
  absl::StatusOr<std::vector<JournalEntry>> ReadJournal(
      int64_t after, int limit, absl::string_view job_name) const override;
  absl::StatusOr<std::vector<std::string>> Unforgotten() const override;
  server::CoordinatorRecord Coordinator() const override;
  std::vector<server::QueueRecord> Queues() const override;
  int64_t LastSequence() const override;
  void UpdateProgress(absl::string_view name,
                      const v1::Progress& progress) override;
  void UpdateGoodput(absl::string_view name, const v1::Goodput& goodput,
                     const server::TimeAccount& account) override;

 private:
  struct Waiting {
    StoreWrite write;
    Done done;
  };
  struct Told {
    std::vector<JournalEntry> entries;
    Done done;
  };

  // Puts it on the disk.
  std::vector<JournalEntry> Apply(StoreWrite write);

  const Observer observer_;
  const bool lies_;
  CommittedRows rows_;
  MemoryJournal journal_;
  std::vector<Waiting> waiting_;
  std::deque<Told> synced_;
  // Called durable and in no more than a cache.
  std::vector<StoreWrite> cached_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SERVER_SIMULATION_SIMULATED_STORE_H_
