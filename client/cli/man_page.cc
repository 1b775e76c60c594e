#include "client/cli/man_page.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "client/cli/help_topics.h"
#include "proto/contract/version.h"

namespace lockstep::cli {
namespace {

// Text as itself: a hyphen that can be copied, no macro at the start.
std::string Roff(absl::string_view text) {
  std::string escaped =
      absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}});
  if (!escaped.empty() && (escaped[0] == '.' || escaped[0] == '\'')) {
    escaped.insert(0, "\\&");
  }
  return escaped;
}

std::string Bold(absl::string_view text) {
  return absl::StrCat("\\fB", Roff(text), "\\fR");
}

std::string Italic(absl::string_view text) {
  return absl::StrCat("\\fI", Roff(text), "\\fR");
}

std::vector<std::string> PathOf(const CLI::App& command) {
  std::vector<std::string> path;
  for (const CLI::App* app = &command; app != nullptr;
       app = app->get_parent()) {
    path.insert(path.begin(), app->get_name());
  }
  return path;
}

std::vector<const CLI::App*> CommandsBelow(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// "INT:INT in [3 - 100]" is a check and "TEXT:{a,b}" a choice; what is named is
// the value.
std::string ValueName(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) return "";
  const std::string type = option.get_type_name();
  const size_t open = type.find('{'), close = type.find('}');
  if (open != std::string::npos && close != std::string::npos) {
    return absl::StrReplaceAll(type.substr(open + 1, close - open - 1),
                               {{",", "|"}});
  }
  const std::vector<std::string> parts = absl::StrSplit(type, ':');
  return parts[0].empty() ? "VALUE" : parts[0];
}

std::string OptionEntry(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) {
    names.push_back(Bold("-" + name));
  }
  for (const std::string& name : option.get_lnames()) {
    names.push_back(Bold("--" + name));
  }
  const std::string value = ValueName(option);
  return absl::StrCat(".TP\n", absl::StrJoin(names, ", "),
                      value.empty() ? "" : " " + Italic(value), "\n",
                      Roff(option.get_description()), ".\n");
}

std::string PositionalEntry(const CLI::Option& option) {
  return absl::StrCat(".TP\n", Italic(option.get_name()), "\n",
                      Roff(option.get_description()), ".\n");
}

std::string ItemEntries(const std::vector<HelpItem>& items) {
  std::string text;
  for (const HelpItem& item : items) {
    absl::StrAppend(&text, ".TP\n", Bold(item.name), "\n", Roff(item.meaning),
                    ".\n");
  }
  return text;
}

std::string Synopsis(const CLI::App& command) {
  std::string text = Bold(absl::StrJoin(PathOf(command), " "));
  if (!CommandsBelow(command).empty()) {
    absl::StrAppend(&text, " [", Italic("OPTIONS"), "] ", Italic("COMMAND"));
    return text;
  }
  absl::StrAppend(&text, " [", Italic("OPTIONS"), "]");
  for (const CLI::Option* option : command.get_options()) {
    if (!option->get_positional()) continue;
    const std::string name =
        absl::StrCat(Italic(option->get_name()),
                     option->get_items_expected_max() > 1 ? " ..." : "");
    absl::StrAppend(
        &text, " ",
        option->get_required() ? name : absl::StrCat("[", name, "]"));
  }
  return text;
}

std::string ManSection(const std::string& title, const std::string& content) {
  return content.empty() ? "" : absl::StrCat(".SH ", title, "\n", content);
}

std::string Commands(const CLI::App& command) {
  std::string text;
  for (const CLI::App* below : CommandsBelow(command)) {
    absl::StrAppend(&text, ".TP\n", Bold(below->get_name()), "\n",
                    Roff(below->get_description()), ".\n");
  }
  return text;
}

std::string SeeAlso(const CLI::App& command) {
  std::vector<std::string> pages;
  if (command.get_parent() != nullptr) {
    pages.push_back(Bold(ManPageName(*command.get_parent())) + "(1)");
  }
  for (const CLI::App* below : CommandsBelow(command)) {
    pages.push_back(Bold(ManPageName(*below)) + "(1)");
  }
  return pages.empty() ? "" : absl::StrJoin(pages, ",\n") + "\n";
}

}  // namespace

std::string ManPageName(const CLI::App& command) {
  return absl::StrJoin(PathOf(command), "-");
}

std::string ManPage(const CLI::App& command) {
  const std::string name = ManPageName(command);
  std::string positionals, options;
  for (const CLI::Option* option : command.get_options()) {
    absl::StrAppend(option->get_positional() ? &positionals : &options,
                    option->get_positional() ? PositionalEntry(*option)
                                             : OptionEntry(*option));
  }
  const bool is_root = command.get_parent() == nullptr;
  return absl::StrCat(
      ".\\\" Made by lockstep help man; do not edit.\n.TH ",
      absl::AsciiStrToUpper(name), " 1 \"\" \"lockstep ", kVersion,
      "\" \"Lockstep\"\n",
      ManSection("NAME", absl::StrCat(Roff(name), " \\- ",
                                      Roff(command.get_description()), "\n")),
      ManSection("SYNOPSIS", Synopsis(command) + "\n"),
      ManSection("ARGUMENTS", positionals), ManSection("OPTIONS", options),
      is_root ? ""
              : ".PP\nThe options of\n.BR lockstep (1)\nmay stand here, too.\n",
      ManSection("COMMANDS", Commands(command)),
      is_root ? ManSection("EXIT STATUS", ItemEntries(ExitCodes())) : "",
      is_root ? ManSection("ENVIRONMENT", ItemEntries(EnvironmentVariables()))
              : "",
      ManSection("SEE ALSO", SeeAlso(command)));
}

std::vector<std::pair<std::string, std::string>> ManPages(
    const CLI::App& root) {
  std::vector<std::pair<std::string, std::string>> pages = {
      {ManPageName(root), ManPage(root)}};
  for (const CLI::App* below : CommandsBelow(root)) {
    for (auto& page : ManPages(*below)) pages.push_back(std::move(page));
  }
  return pages;
}

}  // namespace lockstep::cli
