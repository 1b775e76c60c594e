#ifndef LOCKSTEP_SERVER_LAUNCHER_LAUNCHER_H_
#define LOCKSTEP_SERVER_LAUNCHER_LAUNCHER_H_

// Starts and watches the processes of jobs: `lockstep-worker prepare` and one
// `lockstep-worker supervise` per host of an attempt. What it starts does not
// die with the coordinator. Called by the scheduler's effects, after the intent
// is on disk. Thread-safe; the listener runs on the launcher's own thread.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
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
  // By rank; empty for prepare. Where an engine places them, the slot of the
  // pool that each has.
  std::vector<v1::RankPlacement> ranks;
  // Hosts that an engine is not to take: earlier attempts lost them, or a GPU
  // of them.
  std::vector<std::string> avoid_nodes;
};

// Why an engine that places attempts says that one ended.
struct EngineEnd {
  v1::Attempt::EndCause cause = v1::Attempt::END_CAUSE_UNSPECIFIED;
  std::string message;
  // False: the next attempt would end in the same way.
  bool another_may_help = true;
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
  // None where there is no engine, or it knows no better than the ranks.
  std::optional<EngineEnd> engine;
};

// What an engine that places attempts says of one that has not ended.
struct EngineNews {
  AttemptRef attempt;
  // Empty while it is not known.
  std::string id;
  // Why it waits; empty once it runs.
  std::string message;
  // It has nodes: its supervisors are being started.
  bool started = false;
  // When, by the engine's clock; none: it does not say.
  std::optional<absl::Time> start_time = {};
  // The engine does not know it any more; what the files of its supervisors say
  // of its end, if they do.
  std::optional<ProcessEnd> gone;
};
// Whether the engine answers.
struct EngineReach {
  // Why it does not; empty when it does.
  std::string trouble;
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

  // This attempt has ended, or never was: what is left of it in an engine is
  // not wanted any more. Its ProcessEnd may be still to come.
  virtual void Close(const AttemptRef&) {}

  // The devices that ranks can be placed on; with an engine that places them
  // itself, the slots that it may fill.
  virtual std::vector<v1::Node> Nodes() const = 0;

  // Gets the devices that others use: once before this returns, then again and
  // again. One that looks at none never calls.
  using UseListener = std::function<void(ForeignUses)>;
  virtual void SetUseListener(UseListener listener) = 0;

  // Gets what an engine says, on the launcher's own thread. Without an engine
  // it is never called.
  using EngineListener =
      std::function<void(std::variant<EngineNews, EngineReach>)>;
  virtual void SetEngineListener(EngineListener listener) = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_LAUNCHER_H_
