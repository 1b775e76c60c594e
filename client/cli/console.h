#ifndef LOCKSTEP_CLIENT_CLI_CONSOLE_H_
#define LOCKSTEP_CLIENT_CLI_CONSOLE_H_

// Where a command writes, and how its errors look: data on stdout, messages on
// stderr, `error: ...` with an indented hint below, or one JSON object with
// -o json.

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/cli/exit_status.h"
#include "client/cli/progress.h"
#include "client/cli/spec_file.h"
#include "client/cli/table.h"

namespace lockstep::cli {

struct Console {
  std::ostream& out;
  std::ostream& err;
  bool json = false;
  bool quiet = false;  // No progress and no hints.
  ProgressStyle style;
  bool color = false;   // On stdout.
  TableRoom room = {};  // There, too.
};

// How stderr shows progress: redrawn on a terminal unless NO_COLOR or TERM=dumb
// or `plain` forbids it; in Unicode unless the locale says otherwise.
ProgressStyle DetectStyle(bool plain);

// Whether stdout shows colours: a terminal, unless NO_COLOR or TERM=dumb or
// `plain` forbids it.
bool DetectColor(bool plain);

// What a table on stdout has room for: a terminal has its width, a pipe or a
// file all that it wants.
TableRoom DetectRoom();

// Prints an error and returns the exit status that goes with it.
ExitStatus ReportError(const Console& console, const absl::Status& status,
                       absl::string_view hint = "");
ExitStatus ReportError(const Console& console, ExitStatus exit_status,
                       absl::string_view message, absl::string_view hint = "");

// Prints the problems of a job file, each on a line of its own.
ExitStatus ReportProblems(const Console& console, const SpecFile& file);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_CONSOLE_H_
