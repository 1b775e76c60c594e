#include "server/journal_logger.h"

#include "absl/strings/str_cat.h"

namespace lockstep {
namespace {

constexpr int kEntriesAtATime = 256;

LogSeverity SeverityOf(v1::Event::Severity severity) {
  switch (severity) {
    case v1::Event::ERROR:
      return LogSeverity::kError;
    case v1::Event::WARNING:
      return LogSeverity::kWarning;
    default:
      return LogSeverity::kInfo;
  }
}

}  // namespace

LogEntry EntryOf(const v1::Event& event) {
  LogEntry entry;
  entry.severity = SeverityOf(event.severity());
  entry.source = "journal";
  entry.message =
      absl::StrCat(event.job(), " ", event.type(), ": ", event.message());
  entry.fields = {
      {"job", event.job()}, {"type", event.type()}, {"actor", event.actor()}};
  entry.attempt = event.attempt();
  return entry;
}

std::shared_ptr<JournalLogger> JournalLogger::Start(EventLog& events,
                                                    StreamPump& pump,
                                                    int64_t cursor) {
  std::shared_ptr<JournalLogger> logger(new JournalLogger(events, cursor));
  logger->subscription_ = events.Subscribe(
      [&pump, stream = std::weak_ptr<StreamPump::Stream>(logger)] {
        pump.Wake(stream);
      });
  return logger;
}

void JournalLogger::Pump() {
  while (true) {
    const auto batch = events_.Read(cursor_, kEntriesAtATime, "");
    if (!batch.ok()) {
      Log({.severity = LogSeverity::kError,
           .source = "journal",
           .message = absl::StrCat("the journal cannot be read: ",
                                   batch.status().message())});
      return;
    }
    if (batch->cursor == cursor_) return;
    for (const JournalEntry& entry : batch->entries) {
      Log(EntryOf(entry.event));
    }
    cursor_ = batch->cursor;
  }
}

}  // namespace lockstep
