#include "client/cli/command_local.h"

#include <string>
#include <utility>
#include <vector>

#include "client/cli/child_process.h"
#include "client/cli/hub_cache.h"
#include "proto/contract/exit_code.h"

namespace lockstep::cli {
namespace {

// What it prints goes out as it is.
ExitStatus RunWorker(const CommandContext& context,
                     std::vector<std::string> words) {
  const absl::StatusOr<std::string> worker = SiblingProgram("lockstep-worker");
  if (!worker.ok()) {
    return ReportError(context.console, ExitStatus::kFailed,
                       worker.status().message());
  }
  if (const absl::Status found = ResolveHubIds(&words); !found.ok()) {
    return ReportError(context.console, ExitStatus::kUsage, found.message());
  }
  words.insert(words.begin(), *worker);
  absl::StatusOr<ChildProcess> child = ChildProcess::Start(words);
  if (!child.ok()) return context.Report(child.status());
  switch (child->Wait()) {
    case kOk:
      return ExitStatus::kSuccess;
    case kUsage:
      return ExitStatus::kUsage;
    default:
      return ExitStatus::kFailed;
  }
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
      return RunWorker(context, std::move(words));
    };
  });
}

}  // namespace

void AddLocalCommands(CLI::App& app, CommandContext& context) {
  AddLocal(app, context, "dataset",
           "check, stats or preview FILE: data as a job would see it",
           /*takes_output=*/true);
  AddLocal(app, context, "tokenizer",
           "encode or decode text, or train a tokenizer",
           /*takes_output=*/false);
}

}  // namespace lockstep::cli
