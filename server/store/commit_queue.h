#ifndef LOCKSTEP_SERVER_STORE_COMMIT_QUEUE_H_
#define LOCKSTEP_SERVER_STORE_COMMIT_QUEUE_H_

// The store thread: takes all writes that wait and hands them over as one
// batch, so that under load many writes share one fsync and alone a write waits
// for nobody. Part of both stores.

#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/store/job_store.h"

namespace lockstep {

class CommitQueue {
 public:
  struct Pending {
    StoreWrite write;
    JobStore::Done done;
  };
  // Runs on the store thread, one batch at a time, in the order of Push. Calls
  // each `done`.
  using Process = std::function<void(std::vector<Pending>)>;

  explicit CommitQueue(Process process);
  // Returns when everything that was pushed is processed.
  ~CommitQueue();

  void Push(Pending pending);

  // For Process, before it tries a batch again: waits so long; false as soon as
  // the queue ends, which is when it must not go on waiting.
  bool Wait(absl::Duration duration) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run();

  const Process process_;
  absl::Mutex mu_;
  std::vector<Pending> waiting_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_STORE_COMMIT_QUEUE_H_
