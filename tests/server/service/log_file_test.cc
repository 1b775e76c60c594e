#include "server/service/log_file.h"

#include <unistd.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
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
  EXPECT_EQ(*log_.ReadLines(0, 100, false), "one\ntwo\n");
  EXPECT_EQ(*log_.ReadLines(4, 100, false), "two\n");
  EXPECT_EQ(*log_.ReadLines(8, 100, false), "");
  EXPECT_EQ(*log_.ReadLines(8, 100, true), "thr");
  EXPECT_EQ(*log_.ReadLines(11, 100, true), "");
}

TEST_F(LogFileTest, CutsBetweenLinesWhereItCan) {
  Write("one\ntwo\nthree and more\n");
  EXPECT_EQ(*log_.ReadLines(0, 6, false), "one\n");
  EXPECT_EQ(*log_.ReadLines(8, 6, false), "three ");
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
  EXPECT_EQ(*log_.ReadLines(*log_.TailOffset(2), 1 << 20, true),
            "line 49998\nline 49999\n");
  const std::string many =
      *log_.ReadLines(*log_.TailOffset(20'000), 1 << 20, true);
  EXPECT_EQ(many.substr(0, 11), "line 30000\n");
}

TEST_F(LogFileTest, FollowsNoLink) {
  Write("secret\n");
  const std::string link = dir_.Path("rank-1.log");
  ASSERT_EQ(symlink(path_.c_str(), link.c_str()), 0);
  EXPECT_FALSE(LogFile(link).ReadLines(0, 100, true).ok());
  EXPECT_FALSE(LogFile(dir_.path()).ReadLines(0, 100, true).ok());
}

}  // namespace
}  // namespace lockstep
