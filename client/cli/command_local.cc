#include "client/cli/command_local.h"

#include <string>
#include <utility>
#include <vector>

#include "client/cli/hub_cache.h"
#include "client/cli/worker_program.h"

namespace lockstep::cli {
namespace {

ExitStatus RunOnFiles(const CommandContext& context,
                      std::vector<std::string> words) {
  if (const absl::Status found = ResolveHubIds(&words); !found.ok()) {
    return ReportError(context.console, ExitStatus::kUsage, found.message());
  }
  return RunWorkerProgram(context, std::move(words));
}

// All words after the verb are the worker's.
void AddLocal(CLI::App& app, CommandContext& context, const std::string& verb,
              const std::string& help, bool takes_output) {
  CLI::App* command = app.add_subcommand(verb, help);
  command->prefix_command();
  command->set_help_flag();
  command->callback([&context, command, verb, takes_output] {
    context.run = [&context, command, verb, takes_output] {
      std::vector<std::string> words = command->remaining();
      words.insert(words.begin(), verb);
      if (takes_output && context.console.json) {
        words.insert(words.end(), {"--output", "json"});
      }
      return RunOnFiles(context, std::move(words));
    };
  });
}

}  // namespace

void AddLocalCommands(CLI::App& app, CommandContext& context) {
  AddLocal(app, context, "dataset",
           "check, stats, preview or tokenize FILE: data as a job would see it",
           /*takes_output=*/true);
  AddLocal(app, context, "tokenizer",
           "encode or decode text, or train a tokenizer",
           /*takes_output=*/false);
}

}  // namespace lockstep::cli
