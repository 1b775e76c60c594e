#ifndef LOCKSTEP_SERVER_STORE_MEMORY_JOB_STORE_H_
#define LOCKSTEP_SERVER_STORE_MEMORY_JOB_STORE_H_

// A JobStore without a disk, for tests: the same contract, also with its own
// thread.

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/store/commit_queue.h"
#include "server/store/committed_rows.h"
#include "server/store/job_store.h"
#include "server/store/memory_journal.h"

namespace lockstep {

class MemoryJobStore final : public JobStore {
 public:
  MemoryJobStore();
  ~MemoryJobStore() override;

  // All commits from now on fail with this error, as if the disk were broken.
  void Break(absl::Status why);

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
  void Process(std::vector<CommitQueue::Pending> batch);
  absl::StatusOr<std::vector<JournalEntry>> ProcessOne(StoreWrite write);

  CommittedRows rows_;
  mutable absl::Mutex mu_;
  MemoryJournal journal_ ABSL_GUARDED_BY(mu_);
  absl::Status broken_ ABSL_GUARDED_BY(mu_);
  // Last: its thread uses all of the above.
  CommitQueue queue_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_STORE_MEMORY_JOB_STORE_H_
