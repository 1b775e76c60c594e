// lockstep-worker: one process of a job, or a tool for models. Each subcommand
// is one file.

#include <functional>
#include <iostream>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "proto/contract/exit_code.h"
#include "proto/contract/version.h"
#include "worker/export_command.h"
#include "worker/init_model_command.h"
#include "worker/prepare/prepare_command.h"
#include "worker/supervise/supervise_command.h"
#include "worker/tokenizer_command.h"
#include "worker/train_command.h"

namespace lockstep {
namespace {

int ReportParseError(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
  std::cerr << "lockstep-worker: " << error.what() << "\n"
            << "  hint: lockstep-worker --help, or --help after a command\n";
  return kUsage;
}

int Main(int argc, char** argv) {
  CLI::App app("One process of a Lockstep job, and tools for models.",
               "lockstep-worker");
  app.set_version_flag("--version", absl::StrCat("lockstep-worker ", kVersion,
                                                 " (", BuildRevision(), ")"));
  app.require_subcommand(1);
  std::function<int()> run;
  AddPrepareCommand(app, &run);
  AddSuperviseCommand(app, &run);
  AddTrainCommand(app, &run);
  AddExportCommand(app, &run);
  AddInitModelCommand(app, &run);
  AddTokenizerCommand(app, &run);
  try {  // CLI11 reports by throwing.
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ReportParseError(app, error);
  }
  return run();
}

}  // namespace
}  // namespace lockstep

int main(int argc, char** argv) { return lockstep::Main(argc, argv); }
