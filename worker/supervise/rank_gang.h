#ifndef LOCKSTEP_WORKER_SUPERVISE_RANK_GANG_H_
#define LOCKSTEP_WORKER_SUPERVISE_RANK_GANG_H_

// The ranks of one attempt on this host, which start together and end together:
// when one fails, the others get SIGTERM and, after a grace time, SIGKILL.
//
// Run() owns the processes and belongs to one thread, since only the parent can
// wait for them. RequestStop and RequestKill come from any thread.

#include <functional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "lockstep/worker/v1/worker_service.pb.h"
#include "worker/supervise/cpu_topology.h"
#include "worker/supervise/log_cap.h"
#include "worker/supervise/oom_watch.h"

namespace lockstep {

class RankGang {
 public:
  struct Rank {
    int rank = 0;
    std::vector<std::string> argv;
    std::string log_path;
    // That it is bound to; empty: it may use those of this process.
    CpuSet cpus = {};
  };
  struct Options {
    absl::Duration peer_grace;
    // Readable (a signalfd) when this process was asked to end; -1 for none.
    int terminate_fd = -1;
    // Grace time of that request.
    absl::Duration terminate_grace;
    // Of each rank's log.
    LogCap::Limits log_limits = {};
    // Where the kernel counts whom it killed for memory (oom_watch.h).
    std::string vmstat = "/proc/vmstat";
  };
  // All ranks, after each change; runs on the thread of Run().
  using Listener =
      std::function<void(const std::vector<worker::v1::RankProcess>&)>;

  RankGang(std::vector<Rank> ranks, Options options, Listener listener);
  ~RankGang();
  RankGang(const RankGang&) = delete;
  RankGang& operator=(const RankGang&) = delete;

  // Starts all ranks and returns when all are gone. A rank that cannot be
  // started counts as one that failed, with the reason in its log.
  std::vector<worker::v1::RankProcess> Run();

  // SIGTERM to all ranks, SIGKILL after `grace`. A second request can only
  // bring the SIGKILL nearer.
  void RequestStop(absl::Duration grace) ABSL_LOCKS_EXCLUDED(mu_);
  void RequestKill() { RequestStop(absl::ZeroDuration()); }

 private:
  struct Process {
    worker::v1::RankProcess known;
    int pidfd = -1;
  };

  void Start();
  void Poll();
  void TrimLogs();
  bool Reap();
  void ObeyRequests() ABSL_LOCKS_EXCLUDED(mu_);
  void Stop(absl::Duration grace);
  void SignalLiving(int signal);
  bool AnyLiving() const;
  bool AnyFailed() const;
  int PollTimeoutMs() const;
  void Tell() const;

  const std::vector<Rank> ranks_;
  const Options options_;
  const Listener listener_;
  int wake_fd_ = -1;
  OomWatch oom_watch_;

  std::vector<Process> processes_;
  // Of those logs that can be kept small.
  std::vector<LogCap> log_caps_;
  absl::Time trim_at_ = absl::InfiniteFuture();
  bool terminated_ = false;
  // When SIGKILL is due; infinite before a SIGTERM was sent.
  absl::Time kill_at_ = absl::InfiniteFuture();
  bool killed_ = false;

  absl::Mutex mu_;
  // Shortest grace asked for and not yet acted on; infinite for none.
  absl::Duration requested_grace_ ABSL_GUARDED_BY(mu_) =
      absl::InfiniteDuration();
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_SUPERVISE_RANK_GANG_H_
