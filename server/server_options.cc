#include "server/server_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <system_error>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "proto/contract/status_macros.h"
#include "proto/contract/version.h"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

// sockaddr_un holds 108 bytes with the zero at the end.
constexpr size_t kLongestSocketPath = 107;
constexpr int kMostCpuSlots = 4096;

absl::Status Invalid(absl::string_view flag, absl::string_view value,
                     absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("--", flag, " \"", value, "\": ", why));
}

bool IsLoopback(absl::string_view host) {
  return host == "localhost" || host == "[::1]" ||
         absl::StartsWith(host, "127.");
}

absl::StatusOr<int> PortOf(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 0 ||
      port > 65535) {
    return Invalid("listen", address, "neither unix:/path nor host:port");
  }
  return port;
}

absl::Status CheckListen(absl::string_view address) {
  absl::string_view path = address;
  if (absl::ConsumePrefix(&path, "unix:")) {
    if (!absl::StartsWith(path, "/")) {
      return Invalid("listen", address, "the socket's path must be absolute");
    }
    if (path.size() > kLongestSocketPath) {
      return Invalid("listen", address,
                     absl::StrCat("the socket's path has ", path.size(),
                                  " bytes; at most ", kLongestSocketPath,
                                  " are possible"));
    }
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(PortOf(address).status());
  if (!IsLoopback(address.substr(0, address.rfind(':')))) {
    return Invalid("listen", address,
                   "another host would need TLS, which is not built yet; use "
                   "unix:/path or 127.0.0.1:port (and ssh -L from elsewhere)");
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::Duration> ParseInterval(absl::string_view flag,
                                             const std::string& value) {
  absl::Duration duration;
  if (!absl::ParseDuration(value, &duration) ||
      duration <= absl::ZeroDuration() ||
      duration == absl::InfiniteDuration()) {
    return Invalid(flag, value, "not a duration above 0, such as 500ms or 2m");
  }
  return duration;
}

std::string SiblingProgram(const char* name) {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / name).string();
}

int Cores() {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

absl::Status Check(const ServerOptions& options) {
  if (options.listen.empty()) return Invalid("listen", "", "no address");
  for (const std::string& address : options.listen) {
    RETURN_IF_ERROR(CheckListen(address));
  }
  RETURN_IF_ERROR(WorkerAddress(options).status());
  if (options.cpu_slots < 1 || options.cpu_slots > kMostCpuSlots) {
    return Invalid("cpu-slots", absl::StrCat(options.cpu_slots),
                   absl::StrCat("not in 1..", kMostCpuSlots));
  }
  return absl::OkStatus();
}

}  // namespace

std::string DefaultStateDir(const EnvironmentLookup& environment) {
  const std::string state = environment("XDG_STATE_HOME");
  if (!state.empty()) return state + "/lockstep";
  const std::string home = environment("HOME");
  return (home.empty() ? "/tmp" : home + "/.local/state") + "/lockstep";
}

std::string DefaultListen(const EnvironmentLookup& environment,
                          const std::string& state_dir) {
  const std::string runtime = environment("XDG_RUNTIME_DIR");
  const std::string folder =
      runtime.empty() ? state_dir : runtime + "/lockstep";
  return absl::StrCat("unix:", folder, "/lockstepd.sock");
}

absl::StatusOr<std::string> WorkerAddress(const ServerOptions& options) {
  for (const std::string& address : options.listen) {
    if (absl::StartsWith(address, "unix:")) return address;
  }
  for (const std::string& address : options.listen) {
    ASSIGN_OR_RETURN(const int port, PortOf(address));
    if (port != 0) return address;
  }
  return Invalid("listen", options.listen.empty() ? "" : options.listen[0],
                 "the processes of jobs need an address that is known before "
                 "they start: unix:/path or a port");
}

std::vector<std::pair<std::string, std::string>> SettingsOf(
    const ServerOptions& options) {
  return {{"state-dir", options.state_dir},
          {"listen", absl::StrJoin(options.listen, ",")},
          {"cpu-slots", absl::StrCat(options.cpu_slots)},
          {"use-busy-gpus", options.use_busy_gpus ? "true" : "false"},
          {"worker", options.worker_path},
          {"metrics-address", options.metrics_address},
          {"rendezvous-timeout",
           absl::FormatDuration(options.scheduler.rendezvous_timeout)},
          {"heartbeat-interval",
           absl::FormatDuration(options.scheduler.heartbeat_interval)},
          {"drain-grace", absl::FormatDuration(options.scheduler.drain_grace)}};
}

absl::StatusOr<ServerCommandLine> ParseServerCommandLine(
    int argc, const char* const* argv, const EnvironmentLookup& environment) {
  ServerCommandLine line;
  ServerOptions& options = line.options;
  options.state_dir = DefaultStateDir(environment);
  options.cpu_slots = Cores();
  options.worker_path = SiblingProgram("lockstep-worker");
  std::string rendezvous =
      absl::FormatDuration(options.scheduler.rendezvous_timeout);
  std::string heartbeat =
      absl::FormatDuration(options.scheduler.heartbeat_interval);
  std::string drain = absl::FormatDuration(options.scheduler.drain_grace);

  CLI::App app(
      "The coordinator of Lockstep: takes jobs, gives them devices, "
      "runs them, and survives its own restarts.",
      "lockstepd");
  app.set_version_flag("--version", absl::StrCat("lockstepd ", VersionText()));
  app.footer(
      "lockstepd simulate --trace FILE plays a trace of jobs under its "
      "scheduling policy, and starts nothing.");
  app.add_option("--state-dir", options.state_dir,
                 "Jobs, store, token and logs")
      ->capture_default_str();
  app.add_option("--listen", options.listen,
                 "unix:/path or a loopback host:port; several with commas "
                 "[unix:$XDG_RUNTIME_DIR/lockstep/lockstepd.sock]")
      ->delimiter(',');
  app.add_option("--cpu-slots", options.cpu_slots,
                 "Ranks that may train on CPU at a time")
      ->capture_default_str();
  app.add_flag("--use-busy-gpus", options.use_busy_gpus,
               "Give jobs GPUs that processes of others compute on, too");
  app.add_option("--worker", options.worker_path, "The program lockstep-worker")
      ->capture_default_str();
  app.add_option("--metrics-address", options.metrics_address,
                 "Loopback host:port of /metrics, port 0 for a free one; off")
      ->capture_default_str();
  app.add_option("--rendezvous-timeout", rendezvous,
                 "How long the ranks of an attempt may take to join")
      ->capture_default_str();
  app.add_option("--heartbeat-interval", heartbeat,
                 "The longest time that a rank says nothing")
      ->capture_default_str();
  app.add_option(
         "--drain-grace", drain,
         "How long ranks may take to write a checkpoint and stop, for a "
         "drain, a pause, a more urgent job or their time limit")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    line.text = app.help();
    return line;
  } catch (const CLI::CallForVersion&) {
    line.text = absl::StrCat(app.version(), "\n");
    return line;
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  ASSIGN_OR_RETURN(options.scheduler.rendezvous_timeout,
                   ParseInterval("rendezvous-timeout", rendezvous));
  ASSIGN_OR_RETURN(options.scheduler.heartbeat_interval,
                   ParseInterval("heartbeat-interval", heartbeat));
  ASSIGN_OR_RETURN(options.scheduler.drain_grace,
                   ParseInterval("drain-grace", drain));
  // Processes of jobs run in folders of their own.
  std::error_code error;
  options.state_dir = fs::absolute(options.state_dir, error).string();
  options.worker_path = fs::absolute(options.worker_path, error).string();
  if (options.listen.empty()) {
    options.listen.push_back(DefaultListen(environment, options.state_dir));
  }
  RETURN_IF_ERROR(Check(options));
  return line;
}

}  // namespace lockstep
