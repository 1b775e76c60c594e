#ifndef LOCKSTEP_SERVER_LAUNCHER_LAUNCHER_H_
#define LOCKSTEP_SERVER_LAUNCHER_LAUNCHER_H_

// Starts and watches the processes of jobs: `lockstep-worker prepare` and one
// `lockstep-worker supervise` per host of an attempt. What it starts does not
// die with the coordinator. Called by the scheduler's effects, after the intent
// is on disk. Thread-safe; the listener runs on the launcher's own thread.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lockstep/v1/cluster_service.pb.h"
#include "lockstep/v1/job.pb.h"
#include "lockstep/worker/v1/worker_service.pb.h"
#include "server/launcher/gpu_use.h"
#include "server/scheduler/attempt_tokens.h"
#include "server/store/record.pb.h"

namespace lockstep {

struct LaunchRequest {
  AttemptRef attempt;  // attempt 0: prepare.
  std::string job_uid;
  v1::JobSpec spec;
  std::string token;
  // By rank; empty for prepare.
  std::vector<v1::RankPlacement> ranks;
};

// A process that is gone, with what is known of its end.
struct ProcessEnd {
  AttemptRef attempt;
  // From the exit file of a supervisor; empty for prepare, or when the
  // supervisor was killed before it could write the file.
  std::vector<worker::v1::RankProcess> ranks;
  // Of the process itself; both 0 when it was not our child and left no file.
  int exit_code = 0;
  int signal = 0;
};

class Launcher {
 public:
  using Listener = std::function<void(ProcessEnd)>;

  virtual ~Launcher() = default;

  virtual void SetListener(Listener listener) = 0;

  // Writes the attempt's folder (token 0600, spec) and spawns. The record names
  // the process for later adoption.
  virtual absl::StatusOr<server::ProcessRecord> Launch(
      const LaunchRequest& request) = 0;

  // Whether the process of this record still lives; if so it is watched like
  // one that was launched here. NOT_FOUND when it is gone: its ProcessEnd, with
  // the exit file if any, is then returned through `end`.
  virtual absl::Status Adopt(const AttemptRef& attempt,
                             const std::string& job_uid,
                             const server::ProcessRecord& record,
                             ProcessEnd* end) = 0;

  // SIGTERM, or SIGKILL to the whole group when `kill`. OK when it is gone.
  virtual absl::Status Signal(const AttemptRef& attempt, bool kill) = 0;

  // Removes the folder of a job whose processes are gone: what Launch wrote,
  // logs and metrics. OK when there is none.
  virtual absl::Status RemoveFiles(const std::string& job_uid) = 0;

  // The devices that ranks can be placed on.
  virtual std::vector<v1::Node> Nodes() const = 0;

  // Gets the devices that others use: once before this returns, then again and
  // again. One that looks at none never calls.
  using UseListener = std::function<void(ForeignUses)>;
  virtual void SetUseListener(UseListener listener) = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_LAUNCHER_H_
