#include "client/cli/help_formatter.h"

#include <sstream>

#include "client/cli/format.h"

namespace lockstep::cli {
namespace {

constexpr size_t kHelpWidth = 80;

}  // namespace

std::string HelpFormatter::Wrapped(const std::string& text) const {
  return WrapLine(text, kHelpWidth - get_column_width(), /*indent=*/0);
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  return Wrapped(CLI::Formatter::make_option_desc(option));
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
  std::ostringstream line;
  CLI::detail::format_help(line, command->get_name(),
                           Wrapped(command->get_description()),
                           get_column_width());
  return line.str();
}

std::string HelpFormatter::make_description(const CLI::App* command) const {
  return WrapLine(CLI::Formatter::make_description(command), kHelpWidth,
                  /*indent=*/0);
}

}  // namespace lockstep::cli
