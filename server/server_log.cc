#include "server/server_log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/contract/printable.h"

namespace lockstep {
namespace {

std::atomic<LogFormat>& Format() {
  static std::atomic<LogFormat> format{LogFormat::kText};
  return format;
}

spdlog::level::level_enum LevelOf(LogSeverity severity) {
  switch (severity) {
    case LogSeverity::kError:
      return spdlog::level::err;
    case LogSeverity::kWarning:
      return spdlog::level::warn;
    case LogSeverity::kInfo:
      break;
  }
  return spdlog::level::info;
}

absl::string_view SeverityName(LogSeverity severity) {
  switch (severity) {
    case LogSeverity::kError:
      return "ERROR";
    case LogSeverity::kWarning:
      return "WARNING";
    case LogSeverity::kInfo:
      break;
  }
  return "INFO";
}

// A JSON string (RFC 8259, section 7) of text that Printable has made: UTF-8
// without control characters, so that only these two are left to escape.
std::string Quoted(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : Printable(text, kMostLoggedBytes)) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace

std::string LogText(absl::string_view message) {
  std::string text = Printable(message, kMostLoggedBytes);
  if (message.size() > kMostLoggedBytes) {
    absl::StrAppend(&text, " (", message.size(), " bytes)");
  }
  return text;
}

std::string JsonLogLine(const LogEntry& entry, absl::Time time) {
  std::string line = absl::StrCat(
      "{\"time\":\"",
      absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone()),
      "\",\"severity\":\"", SeverityName(entry.severity),
      "\",\"message\":", Quoted(entry.message),
      ",\"source\":", Quoted(entry.source));
  if (entry.message.size() > kMostLoggedBytes) {
    absl::StrAppend(&line, ",\"message_bytes\":", entry.message.size());
  }
  for (const LogField& field : entry.fields) {
    if (field.value.empty()) continue;
    absl::StrAppend(&line, ",", Quoted(field.key), ":", Quoted(field.value));
  }
  if (entry.attempt > 0) absl::StrAppend(&line, ",\"attempt\":", entry.attempt);
  return line + "}";
}

void StartServerLog(LogFormat format) {
  auto logger = spdlog::stderr_logger_mt("lockstepd");
  if (format == LogFormat::kJson) logger->set_pattern("%v");
  spdlog::set_default_logger(std::move(logger));
  Format() = format;
}

void Log(const LogEntry& entry) {
  spdlog::log(LevelOf(entry.severity), "{}",
              Format() == LogFormat::kJson ? JsonLogLine(entry, absl::Now())
                                           : LogText(entry.message));
}

}  // namespace lockstep
