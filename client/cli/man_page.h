#ifndef LOCKSTEP_CLIENT_CLI_MAN_PAGE_H_
#define LOCKSTEP_CLIENT_CLI_MAN_PAGE_H_

// A command's manual page, from the tables that also parse the command line and
// print --help; in the macros of man(7).

#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"

namespace lockstep::cli {

// "lockstep-jobs-list"; "lockstep" of the program itself.
std::string ManPageName(const CLI::App& command);

std::string ManPage(const CLI::App& command);

// The pages of a command and of all below it, by name.
std::vector<std::pair<std::string, std::string>> ManPages(const CLI::App& root);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_MAN_PAGE_H_
