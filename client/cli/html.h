#ifndef LOCKSTEP_CLIENT_CLI_HTML_H_
#define LOCKSTEP_CLIENT_CLI_HTML_H_

// HTML from texts that nobody vouches for: names, paths, messages.

#include <string>

#include "absl/strings/string_view.h"

namespace lockstep::cli {

// As content of an element or of a quoted attribute. Control characters, which
// HTML knows no way to write, become U+FFFD, and so does what is not UTF-8.
std::string EscapeHtml(absl::string_view text);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_HTML_H_
