#include "server/service/log_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/log_time.h"
#include "tests/testing/temp_dir.h"

namespace lockstep {
namespace {

using ::lockstep::testing::ScopedTempDir;

class LogFileTest : public ::testing::Test {
 protected:
  void Write(const std::string& text) { std::ofstream(path_) << text; }

  ScopedTempDir dir_;
  const std::string path_ = dir_.Path("rank-0.log");
  const LogFile log_{path_};
};

TEST_F(LogFileTest, KnowsWhenThereIsNone) {
  EXPECT_TRUE(absl::IsNotFound(log_.Size().status()));
  EXPECT_TRUE(absl::IsNotFound(log_.ReadLines(0, 100, true).status()));
  EXPECT_TRUE(absl::IsNotFound(log_.TailOffset(1).status()));
}

TEST_F(LogFileTest, ReadsWholeLinesOnly) {
  Write("one\ntwo\nthr");
  EXPECT_EQ(log_.ReadLines(0, 100, false)->text, "one\ntwo\n");
  EXPECT_EQ(log_.ReadLines(4, 100, false)->text, "two\n");
  EXPECT_EQ(log_.ReadLines(8, 100, false)->text, "");
  EXPECT_EQ(log_.ReadLines(8, 100, true)->text, "thr");
  EXPECT_EQ(log_.ReadLines(11, 100, true)->text, "");
}

TEST_F(LogFileTest, CutsBetweenLinesWhereItCan) {
  Write("one\ntwo\nthree and more\n");
  EXPECT_EQ(log_.ReadLines(0, 6, false)->text, "one\n");
  EXPECT_EQ(log_.ReadLines(8, 6, false)->text, "three ");
}

TEST_F(LogFileTest, FindsTheLastLines) {
  Write("one\ntwo\nthree\n");
  EXPECT_EQ(*log_.TailOffset(1), 8);
  EXPECT_EQ(*log_.TailOffset(2), 4);
  EXPECT_EQ(*log_.TailOffset(3), 0);
  EXPECT_EQ(*log_.TailOffset(4), 0);
  Write("one\ntwo\nthr");
  EXPECT_EQ(*log_.TailOffset(1), 8);
  Write("");
  EXPECT_EQ(*log_.TailOffset(1), 0);
  Write("\n");
  EXPECT_EQ(*log_.TailOffset(1), 0);
}

TEST_F(LogFileTest, FindsTheLastLinesOfALongFile) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) absl::StrAppend(&text, "line ", i, "\n");
  Write(text);
  EXPECT_EQ(log_.ReadLines(*log_.TailOffset(2), 1 << 20, true)->text,
            "line 49998\nline 49999\n");
  const std::string many =
      log_.ReadLines(*log_.TailOffset(20'000), 1 << 20, true)->text;
  EXPECT_EQ(many.substr(0, 11), "line 30000\n");
}

// As worker/supervise/log_cap.h leaves it: 4096 bytes, a hole of 8192, and the
// rest.
class LogFileWithHoleTest : public LogFileTest {
 protected:
  static constexpr int64_t kBlock = 4096;

  LogFileWithHoleTest() {
    for (int i = 0; text_.size() < 5 * kBlock; ++i) {
      absl::StrAppend(&text_, LineOf(i));
    }
    Write(text_);
    const int fd = open(path_.c_str(), O_WRONLY);
    EXPECT_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kBlock,
                        2 * kBlock),
              0);
    close(fd);
  }

  static absl::Time TimeOf(int line) {
    return absl::FromUnixSeconds(1'800'000'000 + line);
  }
  static std::string LineOf(int i) {
    return absl::StrCat(FormatLogTime(TimeOf(i)), "line ", i, "\n");
  }

  std::string text_;
};

TEST_F(LogFileWithHoleTest, ReadsWhatIsLeftAndSaysWhatIsNot) {
  std::string read;
  int64_t offset = 0;
  while (true) {
    const auto lines = log_.ReadLines(offset, 1000, /*ended=*/false);
    ASSERT_TRUE(lines.ok()) << lines.status();
    if (lines->text.empty()) break;
    read += lines->text;
    ASSERT_GT(lines->end, offset);
    offset = lines->end;
  }
  EXPECT_EQ(offset, static_cast<int64_t>(text_.size()));
  EXPECT_EQ(read, text_.substr(0, kBlock) + "\n" +
                      "[8192 bytes of this log are gone: it grew too large]\n" +
                      text_.substr(3 * kBlock));
  EXPECT_THAT(log_.ReadLines(2 * kBlock, 1000, false)->text,
              ::testing::StartsWith("[4096 bytes of this log are gone"));
}

TEST_F(LogFileWithHoleTest, SearchesOnBothSides) {
  const int64_t near = *log_.SinceOffset(TimeOf(20));
  EXPECT_EQ(near, static_cast<int64_t>(text_.find(LineOf(20))));
  // Those of that time are gone; so it goes on behind.
  const int64_t behind = *log_.SinceOffset(TimeOf(200));
  EXPECT_GE(behind, 3 * kBlock);
  EXPECT_THAT(log_.ReadLines(behind, 1 << 20, true)->text,
              ::testing::HasSubstr("line 400\n"));
  EXPECT_EQ(
      log_.ReadLines(*log_.TailOffset(2), 1 << 20, true)->text,
      text_.substr(text_.rfind('\n', text_.rfind('\n', text_.size() - 2) - 1) +
                   1));
  // More lines than are left behind the hole.
  EXPECT_EQ(*log_.TailOffset(100'000), 3 * kBlock);
}

TEST_F(LogFileTest, FollowsNoLink) {
  Write("secret\n");
  const std::string link = dir_.Path("rank-1.log");
  ASSERT_EQ(symlink(path_.c_str(), link.c_str()), 0);
  EXPECT_FALSE(LogFile(link).ReadLines(0, 100, true).ok());
  EXPECT_FALSE(LogFile(dir_.path()).ReadLines(0, 100, true).ok());
}

// A line of the second `second`.
std::string Line(int second, const std::string& text) {
  return absl::StrCat(
      absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", absl::FromUnixSeconds(second),
                       absl::UTCTimeZone()),
      " ", text, "\n");
}

TEST_F(LogFileTest, FindsTheFirstLineThatIsNotOlder) {
  EXPECT_TRUE(absl::IsNotFound(log_.SinceOffset(absl::UnixEpoch()).status()));
  const std::string one = Line(10, "one");
  const std::string two = Line(20, "two") + "goes on\n";
  Write("no time\n" + one + two + Line(30, "three") + "tail");
  const int64_t begin = 8;
  const auto since = [this](int second) {
    return *log_.SinceOffset(absl::FromUnixSeconds(second));
  };
  EXPECT_EQ(since(5), begin);
  EXPECT_EQ(since(10), begin);
  EXPECT_EQ(since(11), begin + one.size());
  EXPECT_EQ(since(30), begin + one.size() + two.size());
  EXPECT_EQ(since(31), *log_.Size());
  Write("");
  EXPECT_EQ(since(5), 0);
  Write("2026-05-28T20:26:40.250Z");
  EXPECT_EQ(since(5), 24);
  Write("2026-99-28T20:26:40.250Z never\n");
  EXPECT_EQ(since(5), 31);
}

// Lines of many lengths, some without a time, some longer than what is read at
// a time: the search must agree with one line after the other.
TEST_F(LogFileTest, FindsItInALongLogToo) {
  std::string text;
  std::vector<std::pair<int, int64_t>> lines;
  for (int second = 1; second <= 300; ++second) {
    lines.emplace_back(second, text.size());
    const size_t length = second % 97 == 0 ? 200'000 : second * 31 % 4000;
    text += Line(second, std::string(length, 'x'));
    if (second % 5 == 0) text += std::string(second * 100, 'y') + "\n";
  }
  Write(text);
  for (const auto& [second, offset] : lines) {
    EXPECT_EQ(*log_.SinceOffset(absl::FromUnixSeconds(second)), offset);
    EXPECT_EQ(*log_.SinceOffset(absl::FromUnixSeconds(second - 1) +
                                absl::Milliseconds(1)),
              offset);
  }
}

}  // namespace
}  // namespace lockstep
