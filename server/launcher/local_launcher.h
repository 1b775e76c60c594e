#ifndef LOCKSTEP_SERVER_LAUNCHER_LOCAL_LAUNCHER_H_
#define LOCKSTEP_SERVER_LAUNCHER_LOCAL_LAUNCHER_H_

// Runs the processes of jobs on this host. They outlive the coordinator; the
// next one finds them by what the store knows of them, or, when it knows no
// process id yet, by their command line. When a supervisor ends, for whatever
// reason, ranks that it left behind are killed, and are gone, with what they
// held of devices, before its end is told. Adopt() blocks for that too.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/launcher/gpu_watch.h"
#include "server/launcher/launcher.h"
#include "server/launcher/process_watch.h"
#include "server/launcher/worker_command.h"

namespace lockstep {

struct LocalLauncherOptions {
  std::string state_dir;
  // The program lockstep-worker.
  std::string worker_path;
  // unix:/path or host:port that its processes dial.
  std::string coordinator;
  // PEM file of the CA that they trust a host:port by; empty: without TLS.
  std::string tls_ca;
  // Ranks that may train on CPU at a time.
  int cpu_slots = 1;
  // Whether GPUs that others compute on are used all the same.
  bool use_busy_gpus = false;
  // Whether ranks are bound to the CPUs next to their GPUs.
  bool cpu_binding = true;
  // How long the end of a supervisor is held back while ranks that it left
  // behind die; ends that follow wait as well.
  absl::Duration longest_death = absl::Seconds(10);
  // Where the driver's library is.
  std::string nvml_library = kNvmlLibrary;
};

class LocalLauncher : public Launcher {
 public:
  static absl::StatusOr<std::unique_ptr<LocalLauncher>> Start(
      const LocalLauncherOptions& options);

  void SetListener(Listener listener) override;
  absl::StatusOr<server::ProcessRecord> Launch(
      const LaunchRequest& request) override;
  absl::Status Adopt(const AttemptRef& attempt, const std::string& job_uid,
                     const server::ProcessRecord& record,
                     ProcessEnd* end) override;
  absl::Status Signal(const AttemptRef& attempt, bool kill) override;
  absl::Status RemoveFiles(const std::string& job_uid) override;
  std::vector<v1::Node> Nodes() const override { return nodes_; }
  // Not thread-safe.
  void SetUseListener(UseListener listener) override;
  void SetEngineListener(EngineListener /*listener*/) override {}

 private:
  // A process that lives, or has just ended.
  struct Process {
    AttemptRef attempt;
    std::string folder;
  };

  LocalLauncher(const LocalLauncherOptions& options,
                std::vector<v1::Node> nodes);

  void Watch(Process process, int pidfd) ABSL_LOCKS_EXCLUDED(mu_);
  // On the watch's thread.
  void Ended(int64_t id, ProcessWatch::End how) ABSL_LOCKS_EXCLUDED(mu_);

  const WorkerContext context_;
  const absl::Duration longest_death_;
  // The driver that is watched; empty: none is.
  const std::string watched_library_;
  const std::vector<v1::Node> nodes_;

  absl::Mutex mu_;
  Listener listener_ ABSL_GUARDED_BY(mu_);
  std::map<int64_t, Process> processes_ ABSL_GUARDED_BY(mu_);
  int64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;

  // Last: their threads use the rest.
  std::unique_ptr<ProcessWatch> watch_;
  std::unique_ptr<GpuWatch> gpu_watch_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_LOCAL_LAUNCHER_H_
