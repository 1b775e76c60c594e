#include "client/cli/command_completion.h"

#include <map>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "client/cli/completion.h"
#include "client/cli/config_file.h"

namespace lockstep::cli {
namespace {

// How many names a shell can show, and how long somebody waits for a tab.
constexpr int kMostNames = 500;
constexpr char kPatience[] = "1s";

// Where we have no words, the shell's own completion of files goes on.
constexpr char kBash[] = R"(# lockstep completion bash
# Put into ~/.bashrc: source <(lockstep completion bash)
_lockstep() {
  mapfile -t COMPREPLY < <(
    "$1" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o bashdefault -o default -F _lockstep lockstep
)";

constexpr char kZsh[] = R"(#compdef lockstep
# lockstep completion zsh
# Put into ~/.zshrc, behind compinit: source <(lockstep completion zsh)
_lockstep() {
  local -a found
  found=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  found=(${found:#})
  if (( $#found )); then compadd -a found; else _files; fi
}
compdef _lockstep lockstep
)";

constexpr char kFish[] = R"(# lockstep completion fish
# Put into ~/.config/fish/config.fish: lockstep completion fish | source
function __lockstep_complete
  set -l before (commandline -opc)
  set -l typed (commandline -ct)
  set -l found ($before[1] __complete $before[2..-1] "$typed" 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\n' $found
  else
    __fish_complete_path "$typed"
  end
end
complete -c lockstep -f -a '(__lockstep_complete)'
)";

const char* ScriptFor(const std::string& shell) {
  if (shell == "bash") return kBash;
  return shell == "zsh" ? kZsh : kFish;
}

// The coordinator that is asked is the one that the line will talk to.
void TakeFlags(const std::map<std::string, std::string>& typed,
               GlobalFlags& flags) {
  for (const auto& [name, field] :
       {std::pair("--server", &flags.client.server),
        std::pair("--token-file", &flags.client.token_file),
        std::pair("--tls-ca", &flags.client.tls.ca),
        std::pair("--tls-cert", &flags.client.tls.cert),
        std::pair("--tls-key", &flags.client.tls.key),
        std::pair("--context", &flags.context)}) {
    const auto found = typed.find(name);
    if (found != typed.end()) *field = found->second;
  }
}

void PrintContexts(const std::string& typed, CommandContext& context) {
  const absl::StatusOr<Config> config =
      ReadConfig(ConfigPath(ProcessEnvironment));
  if (!config.ok()) return;
  for (const Context& known : config->contexts()) {
    if (absl::StartsWith(known.name(), typed)) {
      context.console.out << known.name() << "\n";
    }
  }
}

void PrintJobs(const std::string& typed, CommandContext& context) {
  context.flags.timeout = kPatience;
  absl::StatusOr<JobClient> client = context.Connect();
  if (!client.ok()) return;
  const absl::StatusOr<std::vector<v1::Job>> jobs =
      client->List({.limit = kMostNames});
  // Of A,B the last is being typed.
  const std::string before = typed.substr(0, typed.rfind(',') + 1);
  for (const v1::Job& job : jobs.value_or(std::vector<v1::Job>())) {
    const std::string name = before + JobIdOf(job.name());
    if (absl::StartsWith(name, typed)) context.console.out << name << "\n";
  }
}

}  // namespace

void AddCompletionCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand(
      "completion", "Print a script that lets a shell complete commands");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([&context, shell] {
    context.run = [&context, shell] {
      context.console.out << ScriptFor(*shell);
      return ExitStatus::kSuccess;
    };
  });
}

ExitStatus PrintCompletions(const CLI::App& app, CommandContext& context,
                            const std::vector<std::string>& words) {
  const Completions found = Complete(app, words);
  for (const std::string& word : found.words) {
    context.console.out << word << "\n";
  }
  TakeFlags(found.flags, context.flags);
  if (found.context) PrintContexts(words.back(), context);
  if (found.job) PrintJobs(words.back(), context);
  return ExitStatus::kSuccess;
}

}  // namespace lockstep::cli
