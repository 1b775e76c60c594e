#include "worker/train_command.h"

#include <memory>

#include "worker/computing_commands.h"
#include "worker/worker.h"

namespace lockstep {

void AddTrainCommand(CLI::App& app, std::function<int()>* run) {
  auto options = std::make_shared<WorkerOptions>();
  CLI::App* command =
      app.add_subcommand(kTrainCommand.name, kTrainCommand.description);
  command
      ->add_option("--coordinator", options->coordinator,
                   "unix:/path or host:port")
      ->required();
  command->add_option("--tls-ca", options->tls_ca,
                      "PEM file of the CA that a host:port is trusted by");
  command->add_option("--job", options->job, "jobs/{job}")->required();
  command->add_option("--attempt", options->attempt, "Attempt number")
      ->required()
      ->check(CLI::PositiveNumber);
  command->add_option("--rank", options->rank, "This rank, from 0")
      ->required()
      ->check(CLI::NonNegativeNumber);
  command->add_option("--token-file", options->token_file, "Token, 0600")
      ->required();
  command
      ->add_option("--device", options->device,
                   "cpu:N, a GPU's UUID, or cuda:N of those that Slurm gave")
      ->required();
  command->callback(
      [options, run] { *run = [options] { return RunWorker(*options); }; });
}

}  // namespace lockstep
