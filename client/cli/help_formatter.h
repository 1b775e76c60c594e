#ifndef LOCKSTEP_CLIENT_CLI_HELP_FORMATTER_H_
#define LOCKSTEP_CLIENT_CLI_HELP_FORMATTER_H_

// How --help looks: as CLI11 has it, but what a flag or a command is for is
// broken between words, so that every line fits 80 columns.

#include <string>

#include "CLI/CLI.hpp"

namespace lockstep::cli {

class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_subcommand(const CLI::App* command) const override;
  std::string make_description(const CLI::App* command) const override;

 private:
  // For the right column.
  std::string Wrapped(const std::string& text) const;
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_HELP_FORMATTER_H_
