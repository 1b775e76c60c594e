#ifndef LOCKSTEP_SERVER_SERVER_OPTIONS_H_
#define LOCKSTEP_SERVER_SERVER_OPTIONS_H_

// Every setting and limit of lockstepd with its default and unit, and the
// command line that changes them.

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/listen_address.h"
#include "server/metrics/server_metrics.h"
#include "server/scheduler/scheduler_options.h"
#include "server/server_log.h"

namespace lockstep {

// Who places and starts the ranks of jobs.
enum class Engine { kLocal, kSlurm };

// Of lockstepd --engine slurm.
struct SlurmFlags {
  // What jobs get that do not name their own.
  std::string partition;
  std::string account;
  std::string qos;
  // Folder of Slurm's programs; empty: they are found in PATH.
  std::string bin_dir;
  // GPU ranks that may be in Slurm at a time; none: as the partition has them.
  std::optional<int> gpus;
};

struct ServerOptions {
  // Jobs, store, token and logs; made when missing.
  std::string state_dir;
  // unix:/path or host:port; at least one.
  std::vector<std::string> listen;
  ListenTls tls;
  // Users, their tokens and roles (server/service/token_file.h); may be empty.
  std::string tokens;
  Engine engine = Engine::kLocal;
  SlurmFlags slurm;
  // Ranks that may train on CPU at a time.
  int cpu_slots = 1;
  // Whether that was said, and is not this host's number of cores.
  bool cpu_slots_given = false;
  // Whether jobs get GPUs that others compute on, too.
  bool use_busy_gpus = false;
  // Whether ranks are bound to the CPUs next to their GPUs, where nobody else
  // binds them.
  bool cpu_binding = true;
  // The program lockstep-worker.
  std::string worker_path;
  // host:port of loopback for /metrics, port 0 for a free one; "off".
  std::string metrics_address = "127.0.0.1:9464";
  // Of the log on stderr.
  LogFormat log_format = LogFormat::kText;

  // File that says where ends of jobs are told; empty: nowhere.
  std::string webhook;

  SchedulerOptions scheduler;
  ServerMetricsOptions metrics;

  // A watch that has nothing to say says so this often.
  absl::Duration bookmark_interval = absl::Seconds(15);
  // How often a followed log file is looked at.
  absl::Duration log_poll_interval = absl::Milliseconds(250);
  // Newest journal entries held in memory for watchers.
  int held_journal_entries = 1024;
  // Of all connections together.
  size_t grpc_memory_bytes = 256 << 20;
  // How long a token cache stays that no job uses (cache_sweep.h).
  absl::Duration keep_caches = absl::InfiniteDuration();
  // At most this long do calls under way keep a stopping server.
  absl::Duration shutdown_grace = absl::Seconds(1);
};

// An environment variable; empty when it is not set.
using EnvironmentLookup = std::function<std::string(const char* name)>;

// Where `lockstep` looks by default, too: $XDG_STATE_HOME/lockstep (or
// ~/.local/state/lockstep), and lockstepd.sock below $XDG_RUNTIME_DIR/lockstep
// (or the state folder).
std::string DefaultStateDir(const EnvironmentLookup& environment);
std::string DefaultListen(const EnvironmentLookup& environment,
                          const std::string& state_dir);

struct ServerCommandLine {
  ServerOptions options;
  // What --help or --version prints; then there are no options.
  std::string text;
};

// INVALID_ARGUMENT names the flag, its value and what is allowed.
absl::StatusOr<ServerCommandLine> ParseServerCommandLine(
    int argc, const char* const* argv, const EnvironmentLookup& environment);

// Flag without its hyphens -> value in force; none is secret.
std::vector<std::pair<std::string, std::string>> SettingsOf(
    const ServerOptions& options);

// The address that processes of jobs are told.
absl::StatusOr<std::string> WorkerAddress(const ServerOptions& options);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVER_OPTIONS_H_
