#include "server/events/event_log.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/memory_job_store.h"
#include "tests/testing/store_writes.h"

namespace lockstep {
namespace {

using ::lockstep::testing::CommitAndWait;
using ::lockstep::testing::DeletionOf;
using ::lockstep::testing::EventOf;
using ::lockstep::testing::Record;
using ::lockstep::testing::WriteOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class EventLogTest : public ::testing::Test {
 protected:
  EventLogTest() {
    for (const char* id : {"a", "b"}) {
      EXPECT_TRUE(
          CommitAndWait(store_, {.jobs = {MakeJobRow(Record(id))}}).ok());
    }
  }

  void Happen(const std::string& id) {
    StoreWrite write;
    write.events = {EventOf(id, "X")};
    log_.Publish(*CommitAndWait(store_, write));
  }

  std::vector<int64_t> Read(int64_t after, int limit = 100,
                            const std::string& job = "") {
    std::vector<int64_t> sequences;
    const auto batch = log_.Read(after, limit, job);
    EXPECT_TRUE(batch.ok()) << batch.status();
    cursor_ = batch->cursor;
    for (const JournalEntry& entry : batch->entries) {
      sequences.push_back(entry.event.sequence());
    }
    return sequences;
  }

  MemoryJobStore store_;
  EventLog log_{store_, /*capacity=*/3};
  int64_t cursor_ = -1;  // Of the newest Read.
};

TEST_F(EventLogTest, ForgetsADeletedJobAsTheStoreDoes) {
  Happen("a");
  Happen("b");
  log_.Publish(*CommitAndWait(store_, DeletionOf("a")));
  // From memory and from the store.
  EXPECT_THAT(Read(1), ElementsAre(2, 3));
  EXPECT_THAT(Read(0), ElementsAre(2, 3));
  EXPECT_THAT(Read(0, 100, "jobs/a"), ElementsAre(3));
  EXPECT_THAT(Read(0, 1), ElementsAre(2));
  EXPECT_EQ(cursor_, 2);
}

TEST_F(EventLogTest, ReadsFromAnyPoint) {
  for (const char* id : {"a", "b", "a", "b", "a"}) Happen(id);
  // 3, 4, 5 are held; older ones come from the store.
  EXPECT_THAT(Read(0), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(Read(1), ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(Read(2), ElementsAre(3, 4, 5));
  EXPECT_THAT(Read(3, 1), ElementsAre(4));
  EXPECT_THAT(Read(5), IsEmpty());
  EXPECT_THAT(Read(0, 100, "jobs/b"), ElementsAre(2, 4));
  EXPECT_THAT(Read(2, 100, "jobs/b"), ElementsAre(4));
}

// So a watcher of a quiet job does not read the same entries again and again.
TEST_F(EventLogTest, TheCursorMovesOverEntriesOfOtherJobs) {
  for (const char* id : {"a", "b", "a", "b", "a"}) Happen(id);
  Read(0, 100, "jobs/b");
  EXPECT_EQ(cursor_, 5);
  Read(2, 100, "jobs/b");
  EXPECT_EQ(cursor_, 5);
  Read(0, 1, "jobs/b");
  EXPECT_EQ(cursor_, 2);
  Read(2, 1, "jobs/b");
  EXPECT_EQ(cursor_, 4);
  Read(5);
  EXPECT_EQ(cursor_, 5);
}

TEST_F(EventLogTest, ReadsFromTheStoreAfterARestart) {
  for (const char* id : {"a", "b"}) Happen(id);
  const EventLog restarted(store_, 3);
  EXPECT_EQ(restarted.Read(0, 100, "")->entries.size(), 2);
  EXPECT_EQ(restarted.Read(2, 100, "")->entries.size(), 0);
}

TEST_F(EventLogTest, WakesAtOnceAndAtEachPublish) {
  int wakes = 0;
  auto subscription = log_.Subscribe([&] { ++wakes; });
  EXPECT_EQ(wakes, 1);
  Happen("a");
  EXPECT_EQ(wakes, 2);
  subscription.reset();
  Happen("a");
  EXPECT_EQ(wakes, 2);
}

TEST_F(EventLogTest, ASubscriptionMayOutliveTheLog) {
  auto log = std::make_unique<EventLog>(store_, 3);
  auto subscription = log->Subscribe([] {});
  log.reset();
  subscription.reset();
}

}  // namespace
}  // namespace lockstep
