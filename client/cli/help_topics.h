#ifndef LOCKSTEP_CLIENT_CLI_HELP_TOPICS_H_
#define LOCKSTEP_CLIENT_CLI_HELP_TOPICS_H_

// What --help, `lockstep help` and the man pages say beside the flags: told
// once, here.

#include <string>
#include <vector>

namespace lockstep::cli {

struct HelpItem {
  std::string name;
  std::string meaning;
};

// "0" -> "ok", ...
const std::vector<HelpItem>& ExitCodes();
// Variables that every command looks at.
const std::vector<HelpItem>& EnvironmentVariables();

// Two columns, each item on a line; the second column is at most 60 wide.
std::string HelpTable(const std::vector<HelpItem>& items);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_HELP_TOPICS_H_
