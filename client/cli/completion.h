#ifndef LOCKSTEP_CLIENT_CLI_COMPLETION_H_
#define LOCKSTEP_CLIENT_CLI_COMPLETION_H_

// What may stand where the cursor is, from the tables that also parse the
// command line: verbs, flags, the values of a flag. Knows no jobs, but where
// one is named.

#include <map>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace lockstep::cli {

struct Completions {
  // That begin with what was typed. None where the shell knows better: files,
  // numbers.
  std::vector<std::string> words;
  // The name of a job belongs here.
  bool job = false;
  // A context of the config file does.
  bool context = false;
  // What was typed for flags of the program: {"--server", "unix:/x"}.
  std::map<std::string, std::string> flags;
};

// `words` are those behind "lockstep"; the last is being typed, and may be
// empty.
Completions Complete(const CLI::App& root,
                     const std::vector<std::string>& words);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_COMPLETION_H_
