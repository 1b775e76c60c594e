#include "worker/supervise/supervise_command.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

#include "proto/contract/exit_code.h"
#include "proto/contract/status_macros.h"
#include "worker/supervise/rank_program.h"
#include "worker/supervise/slurm_place.h"
#include "worker/supervise/supervise_options.h"
#include "worker/supervise/supervisor.h"

namespace lockstep {
namespace {

// SIGTERM and SIGINT as a readable file. Blocked before any thread exists, so
// that every thread inherits it; ranks start with a clean mask.
int TerminateFd() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  if (pthread_sigmask(SIG_BLOCK, &signals, nullptr) != 0) return -1;
  return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

std::string Environment(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

absl::StatusOr<int> FindAndSupervise(SuperviseOptions options,
                                     const std::string& slurm,
                                     int ranks_per_node, int terminate_fd) {
  if (!slurm.empty()) {
    RETURN_IF_ERROR(PlaceBySlurm(slurm, ranks_per_node, Environment, &options));
  }
  ASSIGN_OR_RETURN(options.program, RankProgramPath());
  return Supervise(options, terminate_fd);
}

int RunSupervise(const SuperviseOptions& options, const std::string& slurm,
                 int ranks_per_node) {
  const int terminate_fd = TerminateFd();
  const absl::StatusOr<int> end =
      FindAndSupervise(options, slurm, ranks_per_node, terminate_fd);
  if (terminate_fd >= 0) close(terminate_fd);
  if (end.ok()) return *end;
  std::cerr << "lockstep-worker supervise: " << end.status().message() << "\n";
  return absl::IsInvalidArgument(end.status()) ? kUsage : kFailure;
}

}  // namespace

void AddSuperviseCommand(CLI::App& app, std::function<int()>* run) {
  auto options = std::make_shared<SuperviseOptions>();
  CLI::App* command = app.add_subcommand(
      "supervise", "Parent of one attempt's ranks on this host");
  command
      ->add_option("--coordinator", options->coordinator,
                   "unix:/path or host:port")
      ->required();
  command->add_option("--tls-ca", options->tls_ca,
                      "PEM file of the CA that a host:port is trusted by");
  command->add_option("--job", options->job, "jobs/{job}")->required();
  command->add_option("--attempt", options->attempt, "Attempt number")
      ->required();
  command->add_option("--token-file", options->token_file, "Token, 0600")
      ->required();
  command
      ->add_option("--attempt-dir", options->attempt_dir,
                   "Folder of logs and of exit.json")
      ->required();
  command->add_option("--node", options->node, "Name of this host");
  command->add_option("--ranks", options->ranks, "Ranks of this host: 0,1")
      ->delimiter(',');
  command
      ->add_option("--devices", options->devices,
                   "Device of each rank: cpu:0,cpu:1")
      ->delimiter(',');
  command->add_flag_callback(
      "--no-cpu-binding", [options] { options->cpu_binding = false; },
      "Ranks may use all CPUs, not those next to their GPUs alone");
  auto slurm = std::make_shared<std::string>();
  auto ranks_per_node = std::make_shared<int>(0);
  command
      ->add_option("--slurm", *slurm,
                   "Of a Slurm job, whose environment says which host this is: "
                   "cpu or cuda, what its ranks compute on")
      ->check(CLI::IsMember({"cpu", "cuda"}));
  command
      ->add_option("--ranks-per-node", *ranks_per_node,
                   "With --slurm: ranks of each host")
      ->check(CLI::PositiveNumber);
  command->callback([options, slurm, ranks_per_node, run] {
    *run = [options, slurm, ranks_per_node] {
      return RunSupervise(*options, *slurm, *ranks_per_node);
    };
  });
}

}  // namespace lockstep
