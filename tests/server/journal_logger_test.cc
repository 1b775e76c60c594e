#include "server/journal_logger.h"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <sstream>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/memory_job_store.h"
#include "tests/testing/store_writes.h"

namespace lockstep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(JournalLoggerTest, AnEntryTellsWhatTheEventIsAbout) {
  v1::Event event;
  event.set_job("jobs/a");
  event.set_type("RANK_FAILED");
  event.set_severity(v1::Event::WARNING);
  event.set_message("bad\nrow \x1b[31m in \"größe.jsonl\"");
  event.set_attempt(3);
  event.set_actor("anna");
  const LogEntry entry = EntryOf(event);
  EXPECT_EQ(LogText(entry.message),
            "jobs/a RANK_FAILED: bad\\u000arow \\u001b[31m in "
            "\"größe.jsonl\"");
  const std::string line = JsonLogLine(entry, absl::UnixEpoch());
  EXPECT_THAT(
      line, AllOf(HasSubstr("\"severity\":\"WARNING\""),
                  HasSubstr("\"job\":\"jobs/a\""),
                  HasSubstr("\"type\":\"RANK_FAILED\""),
                  HasSubstr("\"actor\":\"anna\""), HasSubstr("\"attempt\":3")));
}

// Wakes its owner when the pump has come by.
class Probe final : public StreamPump::Stream {
 public:
  void Pump() override { done.Notify(); }
  absl::Notification done;
};

TEST(JournalLoggerTest, LogsWhatIsPublishedAndNothingOlder) {
  std::ostringstream text;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text)));
  {
    MemoryJobStore store;
    EventLog events(store, 16);
    StreamPump pump;
    auto entries = testing::CommitAndWait(
        store, testing::WriteOf(testing::Record("old"), "OLD"));
    events.Publish(*entries);
    const auto logger =
        JournalLogger::Start(events, pump, store.LastSequence());
    StoreWrite write = testing::WriteOf(testing::Record("a"), "JOB_CREATED");
    write.events.push_back(testing::EventOf("a", "RANK_FAILED"));
    write.events.back().set_severity(v1::Event::ERROR);
    events.Publish(*testing::CommitAndWait(store, write));
    const auto probe = std::make_shared<Probe>();
    pump.Wake(probe);
    probe->done.WaitForNotification();
  }
  spdlog::set_default_logger(before);
  EXPECT_THAT(text.str(), AllOf(HasSubstr("[info] jobs/a JOB_CREATED"),
                                HasSubstr("[error] jobs/a RANK_FAILED"),
                                Not(HasSubstr("OLD"))));
}

}  // namespace
}  // namespace lockstep
