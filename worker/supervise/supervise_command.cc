#include "worker/supervise/supervise_command.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "proto/contract/exit_code.h"
#include "proto/contract/status_macros.h"
#include "worker/supervise/rank_program.h"
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

absl::Status FindAndSupervise(SuperviseOptions options, int terminate_fd) {
  ASSIGN_OR_RETURN(options.program, RankProgramPath());
  return Supervise(options, terminate_fd);
}

int RunSupervise(const SuperviseOptions& options) {
  const int terminate_fd = TerminateFd();
  const absl::Status status = FindAndSupervise(options, terminate_fd);
  if (terminate_fd >= 0) close(terminate_fd);
  if (status.ok()) return kOk;
  std::cerr << "lockstep-worker supervise: " << status.message() << "\n";
  return absl::IsInvalidArgument(status) ? kUsage : kFailure;
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
  command->add_option("--node", options->node, "Name of this host")->required();
  command->add_option("--ranks", options->ranks, "Ranks of this host: 0,1")
      ->delimiter(',')
      ->required();
  command
      ->add_option("--devices", options->devices,
                   "Device of each rank: cpu:0,cpu:1")
      ->delimiter(',')
      ->required();
  command->callback(
      [options, run] { *run = [options] { return RunSupervise(*options); }; });
}

}  // namespace lockstep
