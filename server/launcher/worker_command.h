#ifndef LOCKSTEP_SERVER_LAUNCHER_WORKER_COMMAND_H_
#define LOCKSTEP_SERVER_LAUNCHER_WORKER_COMMAND_H_

// The folders and command lines of the processes of a job. Pure, so that a
// golden test can hold them still; lockstep-worker is the other end. Called by
// the launcher.
//
//   lockstep-worker prepare --coordinator ADDRESS --job jobs/{job}
//       --token-file STATE/jobs/{uid}/prepare/token
//       --spec STATE/jobs/{uid}/prepare/spec.json --cache-dir STATE/cache
//
// spec.json is the resolved JobSpec as protobuf JSON; the process reports its
// plan, or why there is none, by ReportPrepared. Its output goes to
// STATE/jobs/{uid}/prepare/prepare.log.
//
//   lockstep-worker supervise --coordinator ADDRESS --job jobs/{job}
//       --attempt N --token-file STATE/jobs/{uid}/attempt-N/token
//       --attempt-dir STATE/jobs/{uid}/attempt-N
//       --node NAME --ranks 0,1 --devices cpu:0,cpu:1 [--no-cpu-binding]
//
// Its own output goes to STATE/jobs/{uid}/attempt-N/supervisor.log, and that of
// its ranks to rank-R.log beside it.

#include <string>
#include <vector>

#include "server/launcher/launcher.h"

namespace lockstep {

// What all processes of this coordinator have in common.
struct WorkerContext {
  // The program lockstep-worker.
  std::string worker_path;
  // unix:/path or host:port that they dial.
  std::string coordinator;
  // PEM file of the CA that they trust a host:port by; empty: without TLS.
  std::string tls_ca;
  std::string state_dir;
  // Whether ranks are bound to the CPUs next to their GPUs.
  bool cpu_binding = true;
};

// STATE/jobs/{uid}: all that is kept of a job beside the store.
std::string JobFolder(const std::string& state_dir, const std::string& job_uid);

// STATE/jobs/{uid}/prepare for attempt 0, else STATE/jobs/{uid}/attempt-N.
std::string ProcessFolder(const std::string& state_dir,
                          const std::string& job_uid, int attempt);

// In the process's folder.
inline constexpr char kTokenFile[] = "token";
inline constexpr char kSpecFile[] = "spec.json";
inline constexpr char kExitFile[] = "exit.json";

// "prepare.log" for attempt 0, else "supervisor.log".
std::string LogFileName(int attempt);

// The words with which every supervisor begins, wherever it runs.
std::vector<std::string> SuperviseWords(const WorkerContext& context,
                                        const LaunchRequest& request,
                                        const std::string& folder);
// What it trusts the coordinator by, where that is needed.
void AddTlsCa(const WorkerContext& context, std::vector<std::string>& words);

// argv of the process. Nothing secret is in it: the token is named by its file.
std::vector<std::string> WorkerCommand(const WorkerContext& context,
                                       const LaunchRequest& request);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_WORKER_COMMAND_H_
