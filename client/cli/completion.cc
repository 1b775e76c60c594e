#include "client/cli/completion.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace lockstep::cli {
namespace {

bool TakesValue(const CLI::Option& option) {
  return option.get_items_expected_max() > 0;
}

// Flags of a parent may stand behind the verb, too.
const CLI::Option* FindFlag(const CLI::App* app, const std::string& word) {
  for (; app != nullptr; app = app->get_parent()) {
    const CLI::Option* option = app->get_option_no_throw(word);
    if (option != nullptr) return option;
  }
  return nullptr;
}

const CLI::App* FindVerb(const CLI::App& app, const std::string& word) {
  for (const CLI::App* verb :
       app.get_subcommands([](const CLI::App*) { return true; })) {
    if (verb->get_name() == word) return verb;
  }
  return nullptr;
}

std::vector<std::string> VerbsOf(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb :
       app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(verb->get_name());
  }
  return names;
}

std::vector<std::string> FlagsOf(const CLI::App* app) {
  std::vector<std::string> names;
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        names.push_back(absl::StrCat("--", name));
      }
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

// CLI11 tells the members of a set by the option's type: "TEXT:{csv,json}".
std::vector<std::string> ValuesOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t open = type.find('{'), close = type.find('}');
  if (open == std::string::npos || close == std::string::npos) return {};
  return absl::StrSplit(type.substr(open + 1, close - open - 1), ',');
}

// The positional that the next word goes to, when `before` came before it.
const CLI::Option* PositionalAt(const CLI::App& app, size_t before) {
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional()) continue;
    const auto room = static_cast<size_t>(option->get_items_expected_max());
    if (before < room) return option;
    before -= room;
  }
  return nullptr;
}

}  // namespace

Completions Complete(const CLI::App& root,
                     const std::vector<std::string>& words) {
  if (words.empty()) return {};
  Completions found;
  const CLI::App* app = &root;
  const CLI::Option* flag = nullptr;  // That waits for its value.
  size_t positionals = 0;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (flag != nullptr) {
      found.flags[flag->get_name()] = words[i];
      flag = nullptr;
    } else if (absl::StartsWith(words[i], "-") && words[i] != "-") {
      const size_t equals = words[i].find('=');
      flag = FindFlag(app, words[i].substr(0, equals));
      if (flag != nullptr && equals != std::string::npos) {
        found.flags[flag->get_name()] = words[i].substr(equals + 1);
        flag = nullptr;
      }
      if (flag != nullptr && !TakesValue(*flag)) flag = nullptr;
    } else if (const CLI::App* verb = FindVerb(*app, words[i])) {
      app = verb;
    } else {
      ++positionals;
    }
  }
  if (flag != nullptr) {
    found.words = ValuesOf(*flag);
    found.context = flag->get_name() == "--context";
  } else if (absl::StartsWith(words.back(), "-")) {
    found.words = FlagsOf(app);
  } else if (found.words = VerbsOf(*app); found.words.empty()) {
    const CLI::Option* option = PositionalAt(*app, positionals);
    found.job = option != nullptr && option->get_name() == "NAME";
    found.context = option != nullptr && option->get_name() == "CONTEXT";
    if (option != nullptr) found.words = ValuesOf(*option);
  }
  std::erase_if(found.words, [&words](const std::string& word) {
    return !absl::StartsWith(word, words.back());
  });
  return found;
}

}  // namespace lockstep::cli
