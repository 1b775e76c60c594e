#include "worker/program_line.h"

#include "absl/strings/str_cat.h"
#include "proto/contract/exit_code.h"
#include "proto/contract/version.h"

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

int RunProgramLine(
    int argc, const char* const* argv, std::ostream& out, std::ostream& err,
    const std::function<void(CLI::App& app, std::function<int()>* run)>& add) {
  CLI::App app("One process of a Lockstep job, and tools for models.",
               "lockstep-worker");
  app.set_version_flag("--version",
                       absl::StrCat("lockstep-worker ", VersionText()));
  app.require_subcommand(1);
  std::function<int()> run;
  add(app, &run);
  try {  // CLI11 reports by throwing.
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ReportParseError(app, error, out, err);
  }
  return run();
}

}  // namespace lockstep
