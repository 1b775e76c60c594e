#include "client/cli/command_delete.h"

#include <unistd.h>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"

namespace lockstep::cli {
namespace {

struct DeleteFlags {
  std::vector<std::string> ids;
  bool yes = false;
};

// Whether somebody at a terminal says yes.
bool Confirmed(const CommandContext& context, const DeleteFlags& flags) {
  context.console.err << "delete job/" << absl::StrJoin(flags.ids, ", job/")
                      << " with logs, metrics and events? Output folders stay. "
                         "[y/N] "
                      << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "yes";
}

ExitStatus Delete(const CommandContext& context, const DeleteFlags& flags,
                  JobClient& client) {
  ExitStatus result = ExitStatus::kSuccess;
  for (const std::string& id : flags.ids) {
    const absl::Status status = client.Delete(id);
    if (!status.ok()) {
      result = context.ReportForJob(status, id);
    } else if (!context.console.json) {
      context.console.out << "job/" << id << " deleted\n";
    }
  }
  return result;
}

ExitStatus Run(const CommandContext& context, DeleteFlags flags) {
  for (std::string& id : flags.ids) id = JobIdOf(id);
  if (!flags.yes && isatty(STDIN_FILENO) == 0) {
    return ReportError(context.console, ExitStatus::kUsage,
                       "a deletion wants a yes, and nobody is here to ask",
                       "say it with -y");
  }
  if (!flags.yes && !Confirmed(context, flags)) {
    context.console.err << "nothing was deleted\n";
    return ExitStatus::kFailed;
  }
  return WithClient(context, [&](JobClient& client) {
    return Delete(context, flags, client);
  });
}

}  // namespace

void AddDeleteCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand(
      "delete", "Forget ended jobs; their output folders stay");
  auto flags = std::make_shared<DeleteFlags>();
  command->add_option("NAME", flags->ids, "The jobs")->required();
  command->add_flag("-y,--yes", flags->yes, "Do not ask");
  command->callback([&context, flags] {
    context.run = [&context, flags] { return Run(context, *flags); };
  });
}

}  // namespace lockstep::cli
