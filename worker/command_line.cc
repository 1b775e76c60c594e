#include "worker/command_line.h"

#include <functional>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "proto/contract/exit_code.h"
#include "worker/computing_commands.h"
#include "worker/dataset_command.h"
#include "worker/export_command.h"
#include "worker/init_model_command.h"
#include "worker/prepare/prepare_command.h"
#include "worker/program_line.h"
#include "worker/supervise/rank_program.h"
#include "worker/supervise/supervise_command.h"
#include "worker/tokenizer_command.h"

namespace lockstep {
namespace {

// All words after its name, --help too, are the other program's to read.
void AddForeignCommand(CLI::App& app, const ComputingCommand& command,
                       const std::function<int()>& hand_on,
                       std::function<int()>* run) {
  CLI::App* added = app.add_subcommand(command.name, command.description);
  added->set_help_flag();
  added->prefix_command();
  added->callback([hand_on, run] { *run = hand_on; });
}

}  // namespace

int RunCommandLine(int argc, const char* const* argv,
                   const absl::StatusOr<std::string>& rank_program,
                   std::ostream& out, std::ostream& err) {
  const auto hand_on = [&] {
    const absl::Status status = rank_program.ok()
                                    ? BecomeProgram(*rank_program, argv)
                                    : rank_program.status();
    err << "lockstep-worker: " << status.message() << "\n";
    return kFailure;
  };
  return RunProgramLine(argc, argv, out, err,
                        [&](CLI::App& app, std::function<int()>* run) {
                          AddPrepareCommand(app, run);
                          AddSuperviseCommand(app, run);
                          AddForeignCommand(app, kTrainCommand, hand_on, run);
                          AddExportCommand(app, run);
                          AddForeignCommand(app, kPlanCommand, hand_on, run);
                          AddForeignCommand(app, kForwardCommand, hand_on, run);
                          AddInitModelCommand(app, run);
                          AddDatasetCommand(app, run);
                          AddTokenizerCommand(app, run);
                        });
}

}  // namespace lockstep
