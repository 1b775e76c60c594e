#include "worker/command_line.h"

#include <functional>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "proto/contract/exit_code.h"
#include "proto/contract/version.h"
#include "worker/dataset_command.h"
#include "worker/export_command.h"
#include "worker/forward_command.h"
#include "worker/init_model_command.h"
#include "worker/plan_command.h"
#include "worker/prepare/prepare_command.h"
#include "worker/supervise/supervise_command.h"
#include "worker/tokenizer_command.h"
#include "worker/train_command.h"

namespace lockstep {
namespace {

int ReportParseError(const CLI::App& app, const CLI::ParseError& error,
                     std::ostream& out, std::ostream& err) {
  if (error.get_exit_code() == 0) {  // --help, --version
    return app.exit(error, out, err);
  }
  err << "lockstep-worker: " << error.what() << "\n"
      << "  hint: lockstep-worker --help, or --help after a command\n";
  return kUsage;
}

}  // namespace

int RunCommandLine(int argc, const char* const* argv, std::ostream& out,
                   std::ostream& err) {
  CLI::App app("One process of a Lockstep job, and tools for models.",
               "lockstep-worker");
  app.set_version_flag("--version",
                       absl::StrCat("lockstep-worker ", VersionText()));
  app.require_subcommand(1);
  std::function<int()> run;
  AddPrepareCommand(app, &run);
  AddSuperviseCommand(app, &run);
  AddTrainCommand(app, &run);
  AddExportCommand(app, &run);
  AddPlanCommand(app, &run);
  AddForwardCommand(app, &run);
  AddInitModelCommand(app, &run);
  AddDatasetCommand(app, &run);
  AddTokenizerCommand(app, &run);
  try {  // CLI11 reports by throwing.
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ReportParseError(app, error, out, err);
  }
  return run();
}

}  // namespace lockstep
