#include "client/cli/command_line.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/command_checkpoints.h"
#include "client/cli/command_completion.h"
#include "client/cli/command_context.h"
#include "client/cli/command_contexts.h"
#include "client/cli/command_events.h"
#include "client/cli/command_explain.h"
#include "client/cli/command_help.h"
#include "client/cli/command_jobs.h"
#include "client/cli/command_local.h"
#include "client/cli/command_logs.h"
#include "client/cli/command_metrics.h"
#include "client/cli/command_nodes.h"
#include "client/cli/command_plan.h"
#include "client/cli/command_plot.h"
#include "client/cli/command_queues.h"
#include "client/cli/command_report.h"
#include "client/cli/command_run.h"
#include "client/cli/command_server.h"
#include "client/cli/command_submit.h"
#include "client/cli/command_token.h"
#include "client/cli/command_top.h"
#include "client/cli/command_trace.h"
#include "client/cli/command_validate.h"
#include "client/cli/command_version.h"
#include "client/cli/command_wait.h"
#include "client/cli/command_watch.h"
#include "client/cli/help_formatter.h"
#include "client/cli/help_topics.h"
#include "client/cli/nearest.h"

namespace lockstep::cli {
namespace {

std::string Footer() {
  return absl::StrCat("\nExit codes:\n", HelpTable(ExitCodes()),
                      "\nEnvironment:\n", HelpTable(EnvironmentVariables()));
}

void AddGlobalFlags(CLI::App& app, GlobalFlags& flags) {
  app.add_option("--server", flags.client.server,
                 "unix:/path or host:port of the coordinator");
  app.add_option("--token-file", flags.client.token_file,
                 "File with the token");
  app.add_option("--context", flags.context,
                 "Which coordinator of the config file");
  app.add_option("--tls-ca", flags.client.tls.ca,
                 "PEM file of the CA that another host's coordinator is "
                 "trusted by");
  app.add_option("--tls-cert", flags.client.tls.cert,
                 "PEM file of your certificate, in place of a token");
  app.add_option("--tls-key", flags.client.tls.key, "PEM file of its key");
  app.add_option("-o,--output", flags.output, "table or json [table]")
      ->check(CLI::IsMember({"table", "json"}));
  app.add_option("--timeout", flags.timeout, "Limit for one call [10s]");
  app.add_flag("--no-color", flags.no_color,
               "No colours, and never redraw lines");
  app.add_flag("-q,--quiet", flags.quiet, "No progress, no hints");
}

// Global flags may stand behind the verb too, but not behind one whose words
// are another program's.
void LetFlagsFallThrough(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands({})) {
    if (command->get_prefix_command()) continue;
    command->fallthrough();
    LetFlagsFallThrough(*command);
  }
}

// The first word that is neither a flag nor a flag's value.
std::string FirstWord(const CLI::App& app,
                      const std::vector<std::string>& words, size_t* index) {
  for (; *index < words.size(); ++*index) {
    const std::string& word = words[*index];
    if (!absl::StartsWith(word, "-") || word == "-") return word;
    const CLI::Option* flag = app.get_option_no_throw(word);
    if (flag != nullptr && flag->get_items_expected_min() > 0) ++*index;
  }
  return "";
}

// "unknown command ..." when a verb is mistyped; empty when that is not it.
std::string UnknownVerb(const CLI::App& root,
                        const std::vector<std::string>& words) {
  const CLI::App* app = &root;
  std::string path = "lockstep";
  for (size_t index = 0; true; ++index) {
    std::vector<std::string> verbs;
    const std::vector<const CLI::App*> commands =
        app->get_subcommands([](const CLI::App*) { return true; });
    verbs.reserve(commands.size());
    for (const CLI::App* verb : commands) verbs.push_back(verb->get_name());
    if (verbs.empty()) return "";
    const std::string word = FirstWord(root, words, &index);
    if (word.empty()) {
      return absl::StrCat(path, " needs one of: ", absl::StrJoin(verbs, ", "));
    }
    const auto found = std::find(verbs.begin(), verbs.end(), word);
    if (found == verbs.end()) {
      const std::string nearest = NearestWord(word, verbs);
      return absl::StrCat(
          "unknown command \"", path, " ", word, "\"",
          nearest.empty()
              ? absl::StrCat("; there are ", absl::StrJoin(verbs, ", "))
              : absl::StrCat("; did you mean ", nearest, "?"));
    }
    path += " " + word;
    app = commands[found - verbs.begin()];
  }
}

// Whether -o json is among words of which not all could be read.
bool WantsJson(const std::vector<std::string>& words) {
  for (size_t i = 0; i < words.size(); ++i) {
    const bool is_flag = words[i] == "-o" || words[i] == "--output";
    if (is_flag && i + 1 < words.size() && words[i + 1] == "json") return true;
    if (words[i] == "-ojson" || words[i] == "-o=json" ||
        words[i] == "--output=json") {
      return true;
    }
  }
  return false;
}

ExitStatus ReportParseError(const CLI::App& app, const CLI::ParseError& error,
                            const std::vector<std::string>& words,
                            Console console) {
  if (error.get_exit_code() == 0) {  // --help, --version
    app.exit(error, console.out, console.err);
    return ExitStatus::kSuccess;
  }
  console.json = WantsJson(words);
  const std::string verb = UnknownVerb(app, words);
  return ReportError(console, ExitStatus::kUsage,
                     verb.empty() ? error.what() : verb,
                     "lockstep --help, or --help after a command");
}

}  // namespace

ExitStatus RunCommandLine(int argc, const char* const* argv, std::ostream& out,
                          std::ostream& err) {
  CLI::App app("Lockstep fine-tunes language models on the GPUs a team owns.",
               "lockstep");
  app.formatter(std::make_shared<HelpFormatter>());
  CommandContext context{{}, {out, err}, nullptr};
  AddGlobalFlags(app, context.flags);
  app.set_version_flag("--version", VersionLine());
  AddRunCommand(app, context);
  AddSubmitCommand(app, context);
  AddValidateCommand(app, context);
  AddPlanCommand(app, context);
  AddJobsCommand(app, context);
  AddWatchCommand(app, context);
  AddWaitCommand(app, context);
  AddExplainCommand(app, context);
  AddEventsCommand(app, context);
  AddLogsCommand(app, context);
  AddMetricsCommand(app, context);
  AddPlotCommand(app, context);
  AddTopCommand(app, context);
  AddReportCommand(app, context);
  AddTraceCommand(app, context);
  AddNodesCommand(app, context);
  AddQueuesCommand(app, context);
  AddCheckpointsCommand(app, context);
  AddServerCommand(app, context);
  AddContextsCommand(app, context);
  AddTokenCommand(app, context);
  AddLocalCommands(app, context);
  AddCompletionCommand(app, context);
  AddVersionCommand(app, context);
  AddHelpCommand(app, context);
  app.require_subcommand(1);
  app.footer(Footer());
  LetFlagsFallThrough(app);
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words[0] == kCompleteVerb) {
    return PrintCompletions(app, context, {words.begin() + 1, words.end()});
  }
  try {  // CLI11 reports by throwing.
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ReportParseError(app, error, words, context.console);
  }
  context.console.json = context.flags.output == "json";
  context.console.quiet = context.flags.quiet;
  context.console.style = DetectStyle(context.flags.no_color);
  context.console.color = DetectColor(context.flags.no_color);
  context.console.room = DetectRoom();
  return context.run();
}

}  // namespace lockstep::cli
