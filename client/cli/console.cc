#include "client/cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "nlohmann/json.hpp"
#include "proto/contract/errors.h"

namespace lockstep::cli {
namespace {

struct ErrorText {
  std::string code;
  std::string reason;
  std::string message;
  std::string hint;
  std::string field;
  std::string request_id = "";
  // Whoever runs the coordinator will ask for that id.
  bool is_our_fault = false;
};

bool IsOurFault(const absl::Status& status) {
  return absl::IsInternal(status) || absl::IsUnknown(status) ||
         absl::IsDataLoss(status);
}

void PrintJson(const Console& console, const ErrorText& error) {
  nlohmann::ordered_json json = {{"code", error.code},
                                 {"reason", error.reason},
                                 {"message", error.message}};
  if (!error.hint.empty()) json["hint"] = error.hint;
  if (!error.field.empty()) json["field"] = error.field;
  if (!error.request_id.empty()) json["request_id"] = error.request_id;
  // A message may quote bytes of a user's file.
  console.err << json.dump(-1, ' ', false,
                           nlohmann::ordered_json::error_handler_t::replace)
              << "\n";
}

void Print(const Console& console, const ErrorText& error) {
  if (console.json) {
    PrintJson(console, error);
    return;
  }
  console.err << "error: " << error.message << "\n";
  if (error.is_our_fault && !error.request_id.empty()) {
    console.err << "  request: " << error.request_id << "\n";
  }
  if (error.hint.empty() || console.quiet) return;
  console.err << "  hint: " << error.hint << "\n";
}

bool VariableIs(const char* name, absl::string_view value) {
  const char* set = std::getenv(name);
  return set != nullptr && set == value;
}

bool IsSet(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

// NO_COLOR as https://no-color.org has it.
bool MayStyle(int fd) {
  return isatty(fd) != 0 && !IsSet("NO_COLOR") && !VariableIs("TERM", "dumb");
}

// Of the terminal; 80 when it does not know.
int WidthOf(int fd) {
  winsize size{};
  const bool known = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

bool LocaleIsUtf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (!IsSet(name)) continue;
    const std::string locale = absl::AsciiStrToLower(std::getenv(name));
    return absl::StrContains(locale, "utf-8") ||
           absl::StrContains(locale, "utf8");
  }
  return false;
}

}  // namespace

bool DetectColor(bool plain) { return !plain && MayStyle(STDOUT_FILENO); }

ProgressStyle DetectStyle(bool plain) {
  ProgressStyle style;
  style.unicode = LocaleIsUtf8();
  style.redraw = !plain && MayStyle(STDERR_FILENO);
  style.width = WidthOf(STDERR_FILENO);
  return style;
}

TableRoom DetectRoom() {
  if (isatty(STDOUT_FILENO) == 0) return {};
  return {.width = WidthOf(STDOUT_FILENO), .unicode = LocaleIsUtf8()};
}

ExitStatus ReportError(const Console& console, const absl::Status& status,
                       absl::string_view hint) {
  Print(console, {absl::StatusCodeToString(status.code()), ErrorReason(status),
                  std::string(status.message()), std::string(hint), "",
                  RequestIdOf(status), IsOurFault(status)});
  return ExitStatusOf(status);
}

ExitStatus ReportError(const Console& console, ExitStatus exit_status,
                       absl::string_view message, absl::string_view hint) {
  Print(console, {"", "", std::string(message), std::string(hint), ""});
  return exit_status;
}

ExitStatus ReportProblems(const Console& console, const SpecFile& file) {
  for (const SpecProblem& problem : file.problems) {
    const std::string text = FormatProblem(file, problem);
    if (console.json) {
      PrintJson(console,
                {"INVALID_ARGUMENT", "INVALID_SPEC", text, "", problem.field});
    } else {
      console.err << text << "\n";
    }
  }
  return ExitStatus::kUsage;
}

}  // namespace lockstep::cli
