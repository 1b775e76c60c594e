#ifndef LOCKSTEP_SERVER_LAUNCHER_SLURM_LAUNCHER_H_
#define LOCKSTEP_SERVER_LAUNCHER_SLURM_LAUNCHER_H_

// Has attempts placed and started by Slurm, on one host or several; prepare
// runs on this host. Why so: docs/adr/2026-11-30-slurm.md; for users:
// docs/slurm.md.
//
// Launch writes the attempt's folder, on a file system that all hosts share,
// and leaves the rest to one thread, which alone runs Slurm's programs: it
// submits, asks for all jobs every few seconds while there are any, and cancels
// what nobody wants. All are known by their names, which are of this state
// folder alone: an id may be forgotten by a slurmctld that was killed, and
// given to another job. What Slurm says is told to the scheduler, which trusts
// what the workers say themselves more.

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/contract/monotonic_time.h"
#include "server/launcher/launcher.h"
#include "server/launcher/slurm_client.h"
#include "server/launcher/slurm_job.h"

namespace lockstep {

struct SlurmLauncherOptions {
  std::string state_dir;
  // The program lockstep-worker, by the same path on all hosts.
  std::string worker_path;
  // host:port by which other hosts reach the coordinator.
  std::string coordinator;
  // PEM file of the CA that they trust it by.
  std::string tls_ca;
  // What prepare, which runs here, dials: may be a UNIX socket.
  std::string local_coordinator;
  SlurmDefaults defaults;
  // Folder of Slurm's programs; empty: they are found in PATH.
  std::string bin_dir;
  // Ranks that may be in Slurm at a time; none: as many as the partition has
  // CPUs, and GPUs.
  std::optional<int> cpu_slots;
  std::optional<int> gpu_slots;
  absl::Duration poll_interval = absl::Seconds(2);
  absl::Duration command_timeout = absl::Seconds(20);
  // By how much Slurm's time limit is longer than resources.timeout: that is
  // kept by the coordinator, with a checkpoint.
  absl::Duration time_margin = absl::Minutes(5);
  // So many answers without it make a job one that Slurm has lost.
  int misses_until_gone = 5;
  // How long an attempt that has ended may take to leave Slurm by itself.
  absl::Duration linger = absl::Seconds(5);
  // How long a job of ours that no attempt owns is left alone: after a restart
  // attempts are adopted one by one.
  absl::Duration stray_after = absl::Minutes(1);
  // When a cancel is sent again of what is listed all the same. Longer than
  // Slurm gives processes to end (KillWait).
  absl::Duration cancel_again = absl::Minutes(1);
  // When a submission that Slurm does not take now is tried again.
  absl::Duration retry_interval = absl::Seconds(30);
};

class SlurmLauncher : public Launcher {
 public:
  // Asks Slurm who it is. FAILED_PRECONDITION: jobs of ours would be run twice
  // there, or it has no such partition. UNAVAILABLE: it does not answer.
  static absl::StatusOr<std::unique_ptr<SlurmLauncher>> Start(
      const SlurmLauncherOptions& options);
  // Jobs go on.
  ~SlurmLauncher() override;

  void SetListener(Listener listener) override;
  // OK: it is submitted as soon as Slurm answers.
  absl::StatusOr<server::ProcessRecord> Launch(
      const LaunchRequest& request) override;
  // OK, also for one that is gone: what is told of it follows.
  absl::Status Adopt(const AttemptRef& attempt, const std::string& job_uid,
                     const server::ProcessRecord& record,
                     ProcessEnd* end) override;
  absl::Status Signal(const AttemptRef& attempt, bool kill) override;
  absl::Status RemoveFiles(const std::string& job_uid) override;
  void Close(const AttemptRef& attempt) override;
  std::vector<v1::Node> Nodes() const override { return {node_}; }
  void SetUseListener(UseListener) override {}
  void SetEngineListener(EngineListener listener) override;

 private:
  using Key = std::pair<std::string, int>;

  // An attempt that is in Slurm, or is to be.
  struct Tracked {
    AttemptRef attempt;
    std::string name;
    std::string folder;
    // Arguments of sbatch, until it has answered.
    std::vector<std::string> to_submit;
    // sbatch was run and did not answer: it is submitted again only when Slurm
    // says that it has none of this name.
    bool doubtful = false;
    // Slurm took none then: it is not submitted before.
    absl::Time not_before = absl::InfinitePast();
    std::string id;
    bool started = false;
    // What was told last, and whether it is to be told again all the same.
    EngineNews told;
    bool untold = false;
    int misses = 0;
    bool gone_told = false;
    // What is wanted, and what was done about it.
    bool cancel = false;
    bool kill = false;
    bool cancel_sent = false;
    bool kill_sent = false;
    absl::Time sent_at = absl::InfinitePast();
    // When what is left of it is cancelled.
    absl::Time unwanted_at = absl::InfiniteFuture();
    bool closed = false;
  };

  SlurmLauncher(const SlurmLauncherOptions& options, std::string nonce,
                v1::Node node, std::unique_ptr<Launcher> local, int stop_fd);

  SlurmJob JobOf(const LaunchRequest& request) const;
  void Track(Tracked tracked) ABSL_LOCKS_EXCLUDED(mu_);

  // The thread.
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // Whether it goes on.
  bool WaitForWork(absl::Time until) ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<Tracked> Snapshot() ABSL_LOCKS_EXCLUDED(mu_);
  // What was never put to Slurm, and is not wanted any more, has ended.
  void DropUnsubmitted() ABSL_LOCKS_EXCLUDED(mu_);
  // Cancels what nobody wants, and submits what is new. Whether Slurm answered;
  // nothing is asked while it is known not to.
  bool CancelAndSubmit() ABSL_LOCKS_EXCLUDED(mu_);
  // Whether Slurm answered.
  bool Submit(const Tracked& tracked) ABSL_LOCKS_EXCLUDED(mu_);
  // It said no. Whether that ends the attempt.
  void Refused(const Tracked& tracked, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Poll() ABSL_LOCKS_EXCLUDED(mu_);
  void Follow(Tracked tracked, const std::vector<SlurmJobLine>& jobs)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Missed(Tracked tracked) ABSL_LOCKS_EXCLUDED(mu_);
  // Whether Slurm answered.
  bool CancelUnwanted(const Tracked& tracked) ABSL_LOCKS_EXCLUDED(mu_);
  void CancelStrays(const std::vector<SlurmJobLine>& jobs)
      ABSL_LOCKS_EXCLUDED(mu_);
  // What became of it, for what others may have asked for meanwhile.
  void Keep(const Tracked& tracked) ABSL_LOCKS_EXCLUDED(mu_);
  void End(const Tracked& tracked, std::optional<EngineEnd> why,
           const SlurmJobEnd& end = {}) ABSL_LOCKS_EXCLUDED(mu_);
  void Tell(Tracked& tracked, EngineNews news) ABSL_LOCKS_EXCLUDED(mu_);
  void TellReach(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

  const SlurmLauncherOptions options_;
  const WorkerContext context_;
  const std::string nonce_;
  const v1::Node node_;
  // Runs prepare.
  const std::unique_ptr<Launcher> local_;
  const int stop_fd_;
  const SlurmClient client_;

  absl::Mutex mu_;
  Listener listener_ ABSL_GUARDED_BY(mu_);
  EngineListener engine_listener_ ABSL_GUARDED_BY(mu_);
  // By id, since when a job of ours is seen that no attempt owns. Of the
  // thread.
  std::map<std::string, absl::Time> strays_;
  const absl::Time started_ = MonotonicNow();
  std::map<Key, Tracked> tracked_ ABSL_GUARDED_BY(mu_);
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;

  // Of the thread alone.
  absl::Time next_poll_ = absl::InfinitePast();
  std::string told_trouble_;

  std::thread thread_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_SLURM_LAUNCHER_H_
