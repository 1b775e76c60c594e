#ifndef LOCKSTEP_SERVER_LAUNCHER_PROCESS_WATCH_H_
#define LOCKSTEP_SERVER_LAUNCHER_PROCESS_WATCH_H_

// One thread that waits for processes to end, children or not. Used by the
// local launcher. Thread-safe.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace lockstep {

class ProcessWatch {
 public:
  // How a process ended; both 0 when it was not our child.
  struct End {
    int exit_code = 0;
    int signal = 0;
  };
  // Runs on the watch's thread, without locks held; children are reaped by
  // then.
  using Listener = std::function<void(int64_t id, End end)>;

  static absl::StatusOr<std::unique_ptr<ProcessWatch>> Start(Listener listener);
  // Watched processes go on.
  ~ProcessWatch();

  // Takes `pidfd`; `id` is above 0 and new.
  void Add(int64_t id, int pidfd);
  // Nothing happens to a process that is gone.
  void Signal(int64_t id, int signal);

 private:
  ProcessWatch(int epoll_fd, int stop_fd, Listener listener);

  void Run();
  void Ended(int64_t id);

  const int epoll_fd_;
  const int stop_fd_;
  const Listener listener_;
  absl::Mutex mu_;
  std::map<int64_t, int> pidfds_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_PROCESS_WATCH_H_
