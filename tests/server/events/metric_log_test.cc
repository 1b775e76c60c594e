#include "server/events/metric_log.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "server/events/metric_segment.h"
#include "server/store/crc32c.h"
#include "tests/testing/temp_dir.h"

namespace lockstep {
namespace {

namespace fs = std::filesystem;
using ::lockstep::testing::ScopedTempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(Crc32cTest, IsCastagnolis) {
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283);
  EXPECT_EQ(Crc32c(""), 0u);
}

// Points first..last, whose loss is their seq.
MetricPoints Points(int64_t first, int64_t last) {
  MetricPoints points;
  for (int64_t seq = first; seq <= last; ++seq) {
    v1::MetricPoint& point = *points.Add();
    point.set_seq(seq);
    point.set_step(seq * 10);
    (*point.mutable_values())["loss"] = static_cast<double>(seq);
  }
  return points;
}

std::string ReadBytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

class MetricLogTest : public ::testing::Test {
 protected:
  int64_t Append(MetricLog& log, int attempt, int rank, int64_t first,
                 int64_t last) {
    const auto seq = log.Append("uid", attempt, rank, Points(first, last));
    EXPECT_TRUE(seq.ok()) << seq.status();
    return seq.value_or(-1);
  }

  // (attempt, rank, seq) of everything behind the cursor.
  std::vector<std::string> All(MetricLog& log, std::string cursor = "") {
    std::vector<std::string> found;
    while (true) {
      const auto batch = log.Read("uid", cursor, 1);
      EXPECT_TRUE(batch.ok()) << batch.status();
      if (!batch.ok() || batch->points.empty()) return found;
      for (const v1::MetricPoint& point : batch->points) {
        found.push_back(
            absl::StrCat(point.attempt(), ".", point.rank(), ".", point.seq()));
      }
      cursor = batch->cursor;
    }
  }

  // Those within the bounds, in order, and how many records were read for them.
  std::vector<int64_t> StepsOf(MetricLog& log, const StepBounds& bounds) {
    std::vector<int64_t> steps;
    std::string cursor;
    records_ = 0;
    while (true) {
      const auto batch = log.Read("uid", cursor, 1, bounds);
      EXPECT_TRUE(batch.ok()) << batch.status();
      if (!batch.ok() || batch->points.empty()) return steps;
      records_ += batch->records;
      for (const v1::MetricPoint& point : batch->points) {
        if (point.step() < bounds.first) continue;
        if (bounds.last > 0 && point.step() > bounds.last) continue;
        steps.push_back(point.step());
      }
      cursor = batch->cursor;
    }
  }

  fs::path OnlySegment() {
    return *fs::directory_iterator(dir_.Path("uid/metrics"));
  }

  ScopedTempDir dir_;
  int64_t records_ = 0;
};

TEST_F(MetricLogTest, StoresEachPointOnce) {
  MetricLog log(dir_.path());
  EXPECT_EQ(Append(log, 1, 0, 1, 3), 3);
  EXPECT_EQ(Append(log, 1, 0, 1, 3), 3);
  EXPECT_EQ(Append(log, 1, 0, 2, 5), 5);
  EXPECT_EQ(Append(log, 1, 1, 1, 1), 1);
  EXPECT_EQ(Append(log, 2, 0, 1, 1), 1);
  EXPECT_THAT(All(log), ElementsAre("1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.0.5",
                                    "1.1.1", "2.0.1"));
}

TEST_F(MetricLogTest, StoresNothingBehindAGap) {
  MetricLog log(dir_.path());
  EXPECT_EQ(Append(log, 1, 0, 1, 2), 2);
  EXPECT_EQ(Append(log, 1, 0, 4, 6), 2);
  EXPECT_EQ(Append(log, 1, 1, 2, 2), 0);
  EXPECT_THAT(All(log), ElementsAre("1.0.1", "1.0.2"));
}

TEST_F(MetricLogTest, GoesOnAfterARestart) {
  std::string cursor;
  {
    MetricLog log(dir_.path());
    Append(log, 1, 0, 1, 2);
    cursor = log.Read("uid", "", 100)->cursor;
    Append(log, 1, 0, 3, 3);
  }
  MetricLog log(dir_.path());
  EXPECT_EQ(Append(log, 1, 0, 2, 4), 4);
  EXPECT_THAT(All(log, cursor), ElementsAre("1.0.3", "1.0.4"));
}

// 100 records of some 3 kB each, of steps up to 100,000.
TEST_F(MetricLogTest, TheNewestStepsAreFoundWithoutReadingTheOthers) {
  {
    MetricLog log(dir_.path());
    for (int64_t seq = 1; seq <= 10'000; seq += 100) {
      Append(log, 1, 0, seq, seq + 99);
    }
    EXPECT_THAT(StepsOf(log, {.first = 99'800}), SizeIs(21));
    EXPECT_LE(records_, 30);
    EXPECT_THAT(StepsOf(log, {}), SizeIs(10'000));
    EXPECT_EQ(records_, 100);
  }
  // What was there before this process is known, too.
  MetricLog log(dir_.path());
  EXPECT_THAT(StepsOf(log, {.first = 99'800}), SizeIs(21));
  EXPECT_LE(records_, 30);
  // Nor is what comes behind them.
  EXPECT_THAT(StepsOf(log, {.first = 20, .last = 40}), ElementsAre(20, 30, 40));
  EXPECT_LE(records_, 30);
  // The next attempt begins earlier.
  Append(log, 2, 0, 3, 3);
  Append(log, 2, 0, 1, 3);
  EXPECT_THAT(StepsOf(log, {.first = 20, .last = 40}),
              ElementsAre(20, 30, 40, 20, 30));
  EXPECT_LE(records_, 60);
  EXPECT_THAT(StepsOf(log, {.first = 200'000}), IsEmpty());
  EXPECT_EQ(records_, 0);
}

TEST_F(MetricLogTest, AnEmptyLogHasACursorToo) {
  MetricLog log(dir_.path());
  const auto batch = log.Read("uid", "", 100);
  ASSERT_TRUE(batch.ok());
  EXPECT_THAT(batch->points, IsEmpty());
  Append(log, 1, 0, 1, 1);
  EXPECT_THAT(All(log, batch->cursor), ElementsAre("1.0.1"));
}

TEST_F(MetricLogTest, RefusesACursorThatItNeverGave) {
  MetricLog log(dir_.path());
  Append(log, 1, 0, 1, 2);
  for (const char* cursor : {"x", "-1", "1", "7", "99999"}) {
    EXPECT_EQ(ErrorReason(log.Read("uid", cursor, 10).status()),
              "INVALID_RESUME_TOKEN")
        << cursor;
  }
}

TEST_F(MetricLogTest, KeepsValuesExactly) {
  MetricLog log(dir_.path());
  auto points = Points(1, 1);
  (*points[0].mutable_values())["grad_norm"] = 0.1 + 0.2;
  ASSERT_TRUE(log.Append("uid", 3, 1, points).ok());
  const v1::MetricPoint read = log.Read("uid", "", 1)->points.front();
  EXPECT_EQ(read.step(), 10);
  EXPECT_EQ(read.attempt(), 3);
  EXPECT_EQ(read.values().at("grad_norm"), 0.1 + 0.2);
}

TEST_F(MetricLogTest, BelievesTheCallerAndNotThePoint) {
  MetricLog log(dir_.path());
  MetricPoints points = Points(1, 2);
  points[0].set_attempt(7);
  points[0].set_rank(7);
  ASSERT_TRUE(log.Append("uid", 3, 0, points).ok());
  EXPECT_THAT(All(log), ElementsAre("3.0.1", "3.0.2"));
}

TEST_F(MetricLogTest, WakesAtOnceAndAtEachAppend) {
  MetricLog log(dir_.path());
  int wakes = 0;
  auto subscription = log.Subscribe("uid", [&] { ++wakes; });
  EXPECT_EQ(wakes, 1);
  Append(log, 1, 0, 1, 1);
  EXPECT_EQ(wakes, 2);
  Append(log, 1, 0, 1, 1);  // Nothing new.
  EXPECT_EQ(wakes, 2);
  subscription.reset();
  Append(log, 1, 0, 2, 2);
  EXPECT_EQ(wakes, 2);
}

// Power may be lost at any byte of the newest record.
TEST_F(MetricLogTest, CutsATornTailAtEveryByteOfTheLastRecord) {
  {
    MetricLog log(dir_.path());
    Append(log, 1, 0, 1, 2);
  }
  const fs::path segment = OnlySegment();
  const size_t first = fs::file_size(segment);
  {
    MetricLog log(dir_.path());
    Append(log, 1, 0, 3, 4);
  }
  const std::string whole = ReadBytes(segment);
  ASSERT_GT(whole.size(), first);
  for (size_t size = first; size < whole.size(); ++size) {
    for (const bool zeros : {false, true}) {
      std::string torn = whole.substr(0, size);
      // The file may have grown before its bytes arrived.
      if (zeros) torn.resize(whole.size(), '\0');
      std::ofstream(segment, std::ios::binary) << torn;
      MetricLog log(dir_.path());
      ASSERT_THAT(All(log), ElementsAre("1.0.1", "1.0.2")) << size;
      ASSERT_EQ(fs::file_size(segment), first) << size;
      // The rank sends again what was not acknowledged.
      ASSERT_EQ(Append(log, 1, 0, 3, 4), 4);
      ASSERT_EQ(ReadBytes(segment), whole);
    }
  }
}

class SegmentFolderTest : public ::testing::Test {
 protected:
  absl::StatusOr<SegmentFolder> Open() {
    visited_.clear();
    positions_.clear();
    return SegmentFolder::Open(
        dir_.Path("log"), /*segment_bytes=*/32,
        [this](int64_t position, absl::string_view payload) {
          visited_.emplace_back(payload);
          positions_.push_back(position);
          return absl::OkStatus();
        });
  }

  ScopedTempDir dir_;
  std::vector<std::string> visited_;
  std::vector<int64_t> positions_;
};

TEST_F(SegmentFolderTest, StartsANewSegmentWhenOneIsFull) {
  auto log = Open();
  for (const char* text : {"one", "two", "three", "four", "five"}) {
    ASSERT_TRUE(log->Append(text).ok());
  }
  int64_t position = 0;
  EXPECT_EQ(*log->Read(position), "one");
  EXPECT_EQ(*log->Read(position), "two");
  EXPECT_EQ(*log->Read(position), "three");
  EXPECT_EQ(*log->Read(position), "four");
  EXPECT_EQ(*log->Read(position), "five");
  EXPECT_TRUE(absl::IsOutOfRange(log->Read(position).status()));
  EXPECT_EQ(position, log->end());
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_.Path("log")), {}), 2);
  ASSERT_TRUE(Open().ok());
  EXPECT_THAT(visited_, ElementsAre("one", "two", "three", "four", "five"));
  // Each with a header of eight bytes.
  EXPECT_THAT(positions_, ElementsAre(0, 11, 22, 35, 47));
}

TEST_F(SegmentFolderTest, NamesADamagedSegmentThatIsNotTheLast) {
  {
    auto log = Open();
    for (const char* text : {"one", "two", "three", "four"}) {
      ASSERT_TRUE(log->Append(text).ok());
    }
  }
  const std::string first = dir_.Path("log/00000000000000000000.segment");
  std::fstream(first, std::ios::in | std::ios::out | std::ios::binary)
      .seekp(19)
      .put('X');
  const absl::Status status = Open().status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(first), HasSubstr("at byte 11")));
  fs::remove(first);
  EXPECT_TRUE(absl::IsDataLoss(Open().status()));
}

TEST_F(SegmentFolderTest, SaysWhichFolderCannotBeMade) {
  std::ofstream(dir_.Path("log")) << "a file";
  auto log = Open();
  const absl::Status status = log.ok() ? log->Append("one") : log.status();
  EXPECT_THAT(std::string(status.message()), HasSubstr(dir_.Path("log")));
}

}  // namespace
}  // namespace lockstep
