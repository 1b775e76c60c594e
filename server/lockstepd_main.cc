// lockstepd: flags -> Server -> wait for SIGTERM. Jobs go on without it. Or
// lockstepd simulate, which starts none.

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "proto/contract/status_macros.h"
#include "server/launcher/local_launcher.h"
#include "server/launcher/slurm_launcher.h"
#include "server/server.h"
#include "server/server_log.h"
#include "server/server_options.h"
#include "server/simulate/simulate_command.h"
#include "server/stop_signal.h"

namespace lockstep {
namespace {

absl::StatusOr<std::unique_ptr<Launcher>> MakeLauncher(
    const ServerOptions& options) {
  ASSIGN_OR_RETURN(std::string address, WorkerAddress(options));
  if (options.engine == Engine::kSlurm) {
    ASSIGN_OR_RETURN(std::string for_hosts,
                     AddressForHosts(options.listen, options.tls));
    const SlurmFlags& slurm = options.slurm;
    return SlurmLauncher::Start(
        {.state_dir = options.state_dir,
         .worker_path = options.worker_path,
         .coordinator = std::move(for_hosts),
         .tls_ca = options.tls.ca,
         .local_coordinator = std::move(address),
         .defaults = {slurm.partition, slurm.account, slurm.qos},
         .bin_dir = slurm.bin_dir,
         .cpu_slots = options.cpu_slots_given ? std::optional(options.cpu_slots)
                                              : std::nullopt,
         .gpu_slots = slurm.gpus});
  }
  return LocalLauncher::Start({.state_dir = options.state_dir,
                               .worker_path = options.worker_path,
                               .coordinator = address,
                               .tls_ca = options.tls.ca,
                               .cpu_slots = options.cpu_slots,
                               .use_busy_gpus = options.use_busy_gpus,
                               .cpu_binding = options.cpu_binding});
}

int Fail(const absl::Status& status, int exit_code) {
  fprintf(stderr, "lockstepd: %s\n", std::string(status.message()).c_str());
  return exit_code;
}

// What whoever started it waits for: in text without a time before it.
void Say(LogFormat format, LogSeverity severity, const std::string& message) {
  if (format == LogFormat::kText) {
    fprintf(stderr, "lockstepd: %s\n", message.c_str());
  } else {
    Log({.severity = severity, .source = "lockstepd", .message = message});
  }
}

// Why it ends though nobody asked for it; OK until then.
class Failure {
 public:
  void Set(const absl::Status& why) {
    absl::MutexLock lock(&mu_);
    why_.Update(why);
  }
  absl::Status Get() {
    absl::MutexLock lock(&mu_);
    return why_;
  }

 private:
  absl::Mutex mu_;
  absl::Status why_ ABSL_GUARDED_BY(mu_);
};

int Main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "simulate") {
    return RunSimulate({argv + 2, argv + argc}, std::cout, std::cerr);
  }
  const auto line =
      ParseServerCommandLine(argc, argv, [](const char* name) -> std::string {
        const char* value = getenv(name);
        return value == nullptr ? "" : value;
      });
  if (!line.ok()) return Fail(line.status(), 2);
  if (!line->text.empty()) return fputs(line->text.c_str(), stdout) < 0;
  CatchStopSignals();
  // Debian builds Abseil with its search for lock cycles, which takes a lock of
  // the whole process at each lock of ours and of gRPC. Tests keep it.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const LogFormat format = line->options.log_format;
  StartServerLog(format);
  Failure failure;
  auto server = Server::Start(line->options, MakeLauncher,
                              [&failure](const absl::Status& why) {
                                failure.Set(why);
                                RequestStop();
                              });
  if (!server.ok()) {
    Say(format, LogSeverity::kError, std::string(server.status().message()));
    return 1;
  }
  Say(format, LogSeverity::kInfo,
      absl::StrCat("listening on ", absl::StrJoin((*server)->addresses(), ", "),
                   " metrics ",
                   line->options.metrics_address == "off"
                       ? "off"
                       : (*server)->metrics_url()));
  WaitForStopSignal();
  if (const absl::Status why = failure.Get(); !why.ok()) {
    Say(format, LogSeverity::kError,
        absl::StrCat(why.message(),
                     ". Another start reads what is on disk, and goes on with "
                     "the jobs"));
  }
  Log({.source = "lockstepd", .message = "stopping; processes of jobs go on"});
  server->reset();
  return failure.Get().ok() ? 0 : 1;
}

}  // namespace
}  // namespace lockstep

int main(int argc, char** argv) { return lockstep::Main(argc, argv); }
