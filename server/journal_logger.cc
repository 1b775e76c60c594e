#include "server/journal_logger.h"

#include <spdlog/spdlog.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace lockstep {
namespace {

constexpr int kEntriesAtATime = 256;

spdlog::level::level_enum LevelOf(v1::Event::Severity severity) {
  switch (severity) {
    case v1::Event::ERROR:
      return spdlog::level::err;
    case v1::Event::WARNING:
      return spdlog::level::warn;
    default:
      return spdlog::level::info;
  }
}

}  // namespace

std::string LogLine(const v1::Event& event) {
  return absl::StrCat(event.job(), " ", absl::Utf8SafeCEscape(event.type()),
                      ": ", absl::Utf8SafeCEscape(event.message()));
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
      spdlog::error("the journal cannot be read: {}",
                    std::string(batch.status().message()));
      return;
    }
    if (batch->cursor == cursor_) return;
    for (const JournalEntry& entry : batch->entries) {
      spdlog::log(LevelOf(entry.event.severity()), "{}", LogLine(entry.event));
    }
    cursor_ = batch->cursor;
  }
}

}  // namespace lockstep
