#include "server/service/change_cache.h"

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/store_writes.h"

namespace lockstep {
namespace {

using ::lockstep::testing::EventOf;
using ::testing::Each;
using ::testing::SizeIs;

// More than the cache holds.
constexpr int kMany = 1000;

JournalEntry EntryOf(int64_t sequence, SharedJob job,
                     const std::string& type = "STATE_CHANGED") {
  JournalEntry entry{EventOf("a", type), std::move(job)};
  entry.event.set_sequence(sequence);
  return entry;
}

// A job long enough that its bytes lie behind a pointer.
SharedJob JobWith(const std::string& label) {
  auto job = std::make_shared<v1::Job>();
  job->set_name("jobs/a");
  (*job->mutable_labels())["padding"] = std::string(100, 'x');
  (*job->mutable_labels())["label"] = label;
  return job;
}

std::vector<grpc::Slice> SlicesOf(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(bytes.Dump(&slices).ok());
  return slices;
}

// Where they lie: the same only for those who share them.
const uint8_t* PlaceOf(const grpc::ByteBuffer& bytes) {
  const std::vector<grpc::Slice> slices = SlicesOf(bytes);
  EXPECT_THAT(slices, SizeIs(1));
  return slices.at(0).begin();
}

// As a client reads them.
v1::WatchJobsResponse Read(const grpc::ByteBuffer& bytes) {
  std::string text;
  for (const grpc::Slice& slice : SlicesOf(bytes)) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  v1::WatchJobsResponse response;
  EXPECT_TRUE(response.ParseFromString(text));
  return response;
}

TEST(ChangeCacheTest, TellsOfTheEventTheJobAndWhereToGoOn) {
  ChangeCache cache;
  const JournalEntry entry = EntryOf(7, JobWith("one"));
  const v1::WatchJobsResponse told = Read(cache.BytesOf(entry));
  EXPECT_EQ(told.type(), v1::WatchJobsResponse::MODIFIED);
  EXPECT_EQ(told.job().name(), "jobs/a");
  EXPECT_EQ(told.job().labels().at("label"), "one");
  EXPECT_EQ(told.event().sequence(), 7);
  EXPECT_EQ(told.event().type(), "STATE_CHANGED");
  EXPECT_EQ(told.resume_token(), "7");
}

TEST(ChangeCacheTest, SaysWhetherTheJobCameChangedOrWent) {
  ChangeCache cache;
  const SharedJob job = JobWith("one");
  const auto type_of = [&](int64_t sequence, const std::string& type) {
    return Read(cache.BytesOf(EntryOf(sequence, job, type))).type();
  };
  EXPECT_EQ(type_of(1, "JOB_CREATED"), v1::WatchJobsResponse::ADDED);
  EXPECT_EQ(type_of(2, "LABELS_CHANGED"), v1::WatchJobsResponse::MODIFIED);
  EXPECT_EQ(type_of(3, kJobDeleted), v1::WatchJobsResponse::DELETED);
}

TEST(ChangeCacheTest, AllWatchersShareTheBytesOfAnEntry) {
  ChangeCache cache;
  const JournalEntry entry = EntryOf(7, JobWith("one"));
  const grpc::ByteBuffer first = cache.BytesOf(entry);
  cache.BytesOf(EntryOf(8, entry.job));
  const grpc::ByteBuffer second = cache.BytesOf(entry);
  EXPECT_EQ(PlaceOf(first), PlaceOf(second));
}

// Who reads an entry from the disk gets the job as it is then.
TEST(ChangeCacheTest, AnotherStateOfTheJobIsNotTakenForTheFirst) {
  ChangeCache cache;
  const JournalEntry then = EntryOf(7, JobWith("then"));
  const JournalEntry now = EntryOf(7, JobWith("now"));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(Read(cache.BytesOf(then)).job().labels().at("label"), "then");
    EXPECT_EQ(Read(cache.BytesOf(now)).job().labels().at("label"), "now");
  }
}

TEST(ChangeCacheTest, AnotherEntryOfTheSameJobIsNotTakenForTheFirst) {
  ChangeCache cache;
  const SharedJob job = JobWith("one");
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(Read(cache.BytesOf(EntryOf(7, job))).resume_token(), "7");
    EXPECT_EQ(Read(cache.BytesOf(EntryOf(8, job))).resume_token(), "8");
  }
}

TEST(ChangeCacheTest, HoldsTheNewestOnly) {
  ChangeCache cache;
  const JournalEntry old = EntryOf(0, JobWith("old"));
  std::weak_ptr<const v1::Job> held;
  const grpc::ByteBuffer first = cache.BytesOf(old);
  {
    const SharedJob second = JobWith("second");
    held = second;
    cache.BytesOf(EntryOf(1, second));
  }
  ASSERT_FALSE(held.expired());

  const SharedJob job = JobWith("new");
  for (int i = 2; i < kMany; ++i) cache.BytesOf(EntryOf(i, job));

  EXPECT_TRUE(held.expired());
  // Made anew, while the first ones are still on their way to somebody.
  const grpc::ByteBuffer again = cache.BytesOf(old);
  EXPECT_NE(PlaceOf(first), PlaceOf(again));
  EXPECT_EQ(Read(first).ByteSizeLong(), Read(again).ByteSizeLong());
  EXPECT_EQ(Read(again).job().labels().at("label"), "old");
}

TEST(ChangeCacheTest, WatchersOnManyThreadsGetTheSameBytes) {
  constexpr int kThreads = 8;
  ChangeCache cache;
  std::vector<JournalEntry> entries;
  for (int i = 0; i < kMany; ++i) {
    entries.push_back(EntryOf(i, JobWith(absl::StrCat(i))));
  }
  std::vector<int> wrong(kThreads, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kMany; ++i) {
        const v1::WatchJobsResponse told = Read(cache.BytesOf(entries[i]));
        if (told.resume_token() != absl::StrCat(i) ||
            told.job().labels().at("label") != absl::StrCat(i)) {
          ++wrong[t];
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(wrong, Each(0));
}

}  // namespace
}  // namespace lockstep
