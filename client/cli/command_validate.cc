#include "client/cli/command_validate.h"

#include <memory>

#include "client/cli/job_input.h"
#include "client/cli/json.h"
#include "proto/contract/job_spec.h"

namespace lockstep::cli {
namespace {

ExitStatus Validate(const CommandContext& context, const JobInput& input) {
  const absl::StatusOr<SpecFile> file = input.Load();
  if (!file.ok()) return context.Report(file.status());
  if (!file->problems.empty()) return ReportProblems(context.console, *file);
  if (context.console.json) {
    v1::JobSpec resolved = file->spec;
    ApplyDefaults(&resolved);
    context.console.out << ToJson(resolved);
  } else {
    context.console.out << file->name << ": ok\n";
  }
  return ExitStatus::kSuccess;
}

}  // namespace

void AddValidateCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand(
      "validate", "Check a job file; -o json prints it with all defaults");
  auto input = std::make_shared<JobInput>();
  input->AddTo(*command);
  command->callback([&context, input] {
    context.run = [&context, input] { return Validate(context, *input); };
  });
}

}  // namespace lockstep::cli
