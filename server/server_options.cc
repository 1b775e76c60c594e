#include "server/server_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <system_error>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "proto/contract/status_macros.h"
#include "proto/contract/version.h"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

constexpr int kMostCpuSlots = 4096;
// One a second.
constexpr int kMostStartsPerHour = 3600;
constexpr char kForever[] = "forever";

absl::StatusOr<absl::Duration> ParseInterval(absl::string_view flag,
                                             const std::string& value) {
  absl::Duration duration;
  if (!absl::ParseDuration(value, &duration) ||
      duration <= absl::ZeroDuration() ||
      duration == absl::InfiniteDuration()) {
    return InvalidFlag(flag, value,
                       "not a duration above 0, such as 500ms or 2m");
  }
  return duration;
}

// 720h, 30d, or forever.
absl::StatusOr<absl::Duration> ParseAge(absl::string_view flag,
                                        const std::string& value) {
  if (value == kForever) return absl::InfiniteDuration();
  absl::string_view text = value;
  absl::Duration duration;
  int days = 0;
  if (absl::ConsumeSuffix(&text, "d") && absl::SimpleAtoi(text, &days)) {
    duration = absl::Hours(24) * days;
  } else if (!absl::ParseDuration(value, &duration)) {
    duration = absl::ZeroDuration();
  }
  if (duration <= absl::ZeroDuration() ||
      duration == absl::InfiniteDuration()) {
    return InvalidFlag(flag, value,
                       "not an age above 0, such as 12h or 30d, nor forever");
  }
  return duration;
}

std::string FormatAge(absl::Duration age) {
  return age == absl::InfiniteDuration() ? kForever : absl::FormatDuration(age);
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
  RETURN_IF_ERROR(CheckListen(options.listen, options.tls));
  if (options.cpu_slots < 1 || options.cpu_slots > kMostCpuSlots) {
    return InvalidFlag("cpu-slots", absl::StrCat(options.cpu_slots),
                       absl::StrCat("not in 1..", kMostCpuSlots));
  }
  if (options.engine == Engine::kSlurm) {
    RETURN_IF_ERROR(AddressForHosts(options.listen, options.tls).status());
  }
  return absl::OkStatus();
}

void AddAccessFlags(CLI::App& app, ServerOptions& options) {
  app.add_option("--tls-cert", options.tls.cert,
                 "PEM file of the certificate that host:port shows");
  app.add_option("--tls-key", options.tls.key, "PEM file of its key, 0600");
  app.add_option("--tls-client-ca", options.tls.client_ca,
                 "PEM file of a CA: its certificates name their bearers, who "
                 "need no token");
  app.add_option("--tls-ca", options.tls.ca,
                 "PEM file of the CA of --tls-cert, for jobs' processes where "
                 "there is no UNIX socket");
  app.add_option("--tokens", options.tokens,
                 "File of users, their tokens and roles, 0600");
}

// Those of Slurm mean nothing without it.
absl::Status CheckSlurmFlags(const CLI::App& app, Engine engine) {
  if (engine == Engine::kSlurm) return absl::OkStatus();
  for (const char* flag : {"slurm-partition", "slurm-account", "slurm-qos",
                           "slurm-bin", "slurm-gpus"}) {
    const CLI::Option& option = *app.get_option(absl::StrCat("--", flag));
    if (option.count() == 0) continue;
    return InvalidFlag(flag, option.as<std::string>(), "needs --engine slurm");
  }
  return absl::OkStatus();
}

void AddSlurmFlags(CLI::App& app, std::string& engine, ServerOptions& options) {
  app.add_option("--engine", engine,
                 "local: lockstepd starts ranks on this host; slurm: Slurm "
                 "places and starts them (docs/slurm.md)")
      ->check(CLI::IsMember({"local", "slurm"}))
      ->capture_default_str();
  SlurmFlags& slurm = options.slurm;
  app.add_option("--slurm-partition", slurm.partition,
                 "Partition of jobs that name none");
  app.add_option("--slurm-account", slurm.account,
                 "Account of jobs that name none");
  app.add_option("--slurm-qos", slurm.qos, "QOS of jobs that name none");
  app.add_option("--slurm-bin", slurm.bin_dir,
                 "Folder of Slurm's programs [PATH]");
  app.add_option("--slurm-gpus", slurm.gpus,
                 "GPU ranks that may be in Slurm at a time [those that the "
                 "partition has]")
      ->check(CLI::Range(0, kMostCpuSlots));
}

// Processes of jobs run in folders of their own, and lockstepd may, too.
void MakeAbsolute(std::string& path) {
  std::error_code error;
  if (!path.empty()) path = fs::absolute(path, error).string();
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
  return AddressForWorkers(options.listen, options.tls);
}

std::vector<std::pair<std::string, std::string>> SettingsOf(
    const ServerOptions& options) {
  return {
      {"state-dir", options.state_dir},
      {"listen", absl::StrJoin(options.listen, ",")},
      {"tls-cert", options.tls.cert},
      {"tls-key", options.tls.key},
      {"tls-client-ca", options.tls.client_ca},
      {"tls-ca", options.tls.ca},
      {"tokens", options.tokens},
      {"engine", options.engine == Engine::kSlurm ? "slurm" : "local"},
      {"slurm-partition", options.slurm.partition},
      {"slurm-account", options.slurm.account},
      {"slurm-qos", options.slurm.qos},
      {"slurm-bin", options.slurm.bin_dir},
      {"slurm-gpus",
       options.slurm.gpus.has_value() ? absl::StrCat(*options.slurm.gpus) : ""},
      {"cpu-slots", absl::StrCat(options.cpu_slots)},
      {"use-busy-gpus", options.use_busy_gpus ? "true" : "false"},
      {"no-cpu-binding", options.cpu_binding ? "false" : "true"},
      {"worker", options.worker_path},
      {"metrics-address", options.metrics_address},
      {"log-format", options.log_format == LogFormat::kJson ? "json" : "text"},
      {"rendezvous-timeout",
       absl::FormatDuration(options.scheduler.rendezvous_timeout)},
      {"heartbeat-interval",
       absl::FormatDuration(options.scheduler.heartbeat_interval)},
      {"hang-timeout", absl::FormatDuration(options.scheduler.hang_timeout)},
      {"drain-grace", absl::FormatDuration(options.scheduler.drain_grace)},
      {"starts-per-hour", absl::StrCat(options.scheduler.starts_per_hour)},
      {"keep-jobs", FormatAge(options.scheduler.keep_ended)},
      {"keep-caches", FormatAge(options.keep_caches)},
      {"webhook", options.webhook}};
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
  std::string hang = absl::FormatDuration(options.scheduler.hang_timeout);
  std::string drain = absl::FormatDuration(options.scheduler.drain_grace);
  std::string keep = FormatAge(options.scheduler.keep_ended);
  std::string keep_caches = FormatAge(options.keep_caches);

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
                 "unix:/path or host:port, of another host's only with TLS; "
                 "several with commas "
                 "[unix:$XDG_RUNTIME_DIR/lockstep/lockstepd.sock]")
      ->delimiter(',');
  AddAccessFlags(app, options);
  std::string engine = "local";
  AddSlurmFlags(app, engine, options);
  app.add_option("--cpu-slots", options.cpu_slots,
                 "Ranks that may train on CPU at a time [cores of this host; "
                 "with --engine slurm, CPUs of the partition]")
      ->capture_default_str();
  app.add_flag("--use-busy-gpus", options.use_busy_gpus,
               "Give jobs GPUs that processes of others compute on, too");
  app.add_flag_callback(
      "--no-cpu-binding", [&options] { options.cpu_binding = false; },
      "Let ranks use all CPUs, not those next to their GPUs alone");
  app.add_option("--worker", options.worker_path, "The program lockstep-worker")
      ->capture_default_str();
  app.add_option("--metrics-address", options.metrics_address,
                 "Loopback host:port of /metrics, port 0 for a free one; off")
      ->capture_default_str();
  std::string log_format = "text";
  app.add_option("--log-format", log_format,
                 "text, or json: one object a line, on standard error")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option("--rendezvous-timeout", rendezvous,
                 "How long the ranks of an attempt may take to join")
      ->capture_default_str();
  app.add_option("--heartbeat-interval", heartbeat,
                 absl::StrCat("The longest time that a rank says nothing "
                              "[with --engine slurm ",
                              absl::FormatDuration(kNetworkHeartbeat), "]"))
      ->capture_default_str();
  app.add_option("--hang-timeout", hang,
                 "How long ranks may say nothing, or train without a step, "
                 "before they are killed; at least 10 of their own steps")
      ->capture_default_str();
  app.add_option(
         "--drain-grace", drain,
         "How long ranks may take to write a checkpoint and stop, for a "
         "drain, a pause, a more urgent job or their time limit")
      ->capture_default_str();
  app.add_option("--starts-per-hour", options.scheduler.starts_per_hour,
                 "How many attempts of a job that fail may begin within an "
                 "hour; the next waits")
      ->check(CLI::Range(1, kMostStartsPerHour))
      ->capture_default_str();
  app.add_option(
         "--keep-jobs", keep,
         "How long a job is remembered after its end, with its logs and "
         "metrics: 12h, 30d, forever")
      ->capture_default_str();
  app.add_option("--keep-caches", keep_caches,
                 "How long a token cache is kept that no job uses: 12h, 30d, "
                 "forever")
      ->capture_default_str();
  app.add_option("--webhook", options.webhook,
                 "File (0600) that names the URL to which ends of jobs are "
                 "posted, and the secret that signs them");
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
  if (engine == "slurm") {
    options.engine = Engine::kSlurm;
    if (app.get_option("--heartbeat-interval")->count() == 0) {
      heartbeat = absl::FormatDuration(kNetworkHeartbeat);
    }
  }
  RETURN_IF_ERROR(CheckSlurmFlags(app, options.engine));
  options.cpu_slots_given = app.get_option("--cpu-slots")->count() > 0;
  if (log_format == "json") options.log_format = LogFormat::kJson;
  ASSIGN_OR_RETURN(options.scheduler.rendezvous_timeout,
                   ParseInterval("rendezvous-timeout", rendezvous));
  ASSIGN_OR_RETURN(options.scheduler.heartbeat_interval,
                   ParseInterval("heartbeat-interval", heartbeat));
  ASSIGN_OR_RETURN(options.scheduler.hang_timeout,
                   ParseInterval("hang-timeout", hang));
  ASSIGN_OR_RETURN(options.scheduler.drain_grace,
                   ParseInterval("drain-grace", drain));
  ASSIGN_OR_RETURN(options.scheduler.keep_ended, ParseAge("keep-jobs", keep));
  ASSIGN_OR_RETURN(options.keep_caches, ParseAge("keep-caches", keep_caches));
  for (std::string* path :
       {&options.state_dir, &options.worker_path, &options.tls.cert,
        &options.tls.key, &options.tls.client_ca, &options.tls.ca,
        &options.tokens, &options.webhook, &options.slurm.bin_dir}) {
    MakeAbsolute(*path);
  }
  if (options.listen.empty()) {
    options.listen.push_back(DefaultListen(environment, options.state_dir));
  }
  RETURN_IF_ERROR(Check(options));
  return line;
}

}  // namespace lockstep
