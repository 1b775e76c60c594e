#include "client/cli/command_help.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/help_topics.h"
#include "client/cli/man_page.h"
#include "client/cli/nearest.h"

namespace lockstep::cli {
namespace {

struct HelpFlags {
  std::vector<std::string> words;
  std::string folder;
};

// Null when there is no such command; `words` from the index on.
const CLI::App* FindCommand(const CLI::App& root,
                            const std::vector<std::string>& words,
                            size_t index) {
  const CLI::App* app = &root;
  for (; app != nullptr && index < words.size(); ++index) {
    const CLI::App* next = nullptr;
    for (const CLI::App* below :
         app->get_subcommands([](const CLI::App*) { return true; })) {
      if (below->get_name() == words[index]) next = below;
    }
    app = next;
  }
  return app;
}

// As --help behind the command: help() itself would tell of the command that
// was parsed, which is this one.
std::string HelpOf(const CLI::App& command) {
  std::string path;
  for (const CLI::App* app = &command; app != nullptr;
       app = app->get_parent()) {
    path = absl::StrCat(app->get_name(), path.empty() ? "" : " ", path);
  }
  return command.get_formatter()->make_help(&command, path,
                                            CLI::AppFormatMode::Normal);
}

ExitStatus NoSuchTopic(const CommandContext& context, const CLI::App& root,
                       const std::vector<std::string>& words) {
  std::vector<std::string> topics = {"exit-codes", "environment", "man"};
  for (const CLI::App* command :
       root.get_subcommands([](const CLI::App*) { return true; })) {
    topics.push_back(command->get_name());
  }
  const std::string nearest = NearestWord(words[0], topics);
  return ReportError(
      context.console, ExitStatus::kUsage,
      absl::StrCat("there is no help for \"", absl::StrJoin(words, " "), "\""),
      words.size() == 1 && !nearest.empty()
          ? absl::StrCat("did you mean ", nearest, "?")
          : "exit-codes, environment, man, or a command");
}

ExitStatus WritePages(const CommandContext& context, const CLI::App& root,
                      const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  size_t written = 0;
  for (const auto& [name, page] : ManPages(root)) {
    const std::string path = absl::StrCat(folder, "/", name, ".1");
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << page;
    file.close();
    if (!file) {
      return ReportError(
          context.console, ExitStatus::kFailed,
          absl::StrCat(path, ": cannot be written: ", std::strerror(errno)));
    }
    ++written;
  }
  context.console.out << folder << ": " << written << " pages written\n";
  return ExitStatus::kSuccess;
}

ExitStatus Help(const CommandContext& context, const CLI::App& root,
                const HelpFlags& flags) {
  const std::vector<std::string>& words = flags.words;
  std::ostream& out = context.console.out;
  const std::string topic = words.empty() ? "" : words[0];
  if (topic == "man" && !flags.folder.empty() && words.size() == 1) {
    return WritePages(context, root, flags.folder);
  }
  if (!flags.folder.empty()) {
    return ReportError(context.console, ExitStatus::kUsage,
                       "--folder is for all pages: lockstep help man");
  }
  if (words.size() == 1 && topic == "exit-codes") {
    out << HelpTable(ExitCodes());
  } else if (words.size() == 1 && topic == "environment") {
    out << HelpTable(EnvironmentVariables());
  } else {
    const bool man = topic == "man";
    const CLI::App* command = FindCommand(root, words, man ? 1 : 0);
    if (command == nullptr) return NoSuchTopic(context, root, words);
    out << (man ? ManPage(*command) : HelpOf(*command));
  }
  return ExitStatus::kSuccess;
}

}  // namespace

void AddHelpCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand(
      "help", "Explain a command, exit-codes or environment; print man pages");
  auto flags = std::make_shared<HelpFlags>();
  command->add_option("TOPIC", flags->words,
                      "A command, exit-codes, environment, or man");
  command->add_option("--folder", flags->folder,
                      "With man: write all pages into this folder");
  command->callback([&app, &context, flags] {
    context.run = [&app, &context, flags] {
      return Help(context, app, *flags);
    };
  });
}

}  // namespace lockstep::cli
