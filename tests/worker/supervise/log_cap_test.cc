#include "worker/supervise/log_cap.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"

namespace lockstep {
namespace {

constexpr int64_t kBlock = 4096;
constexpr LogCap::Limits kLimits = {
    .most = 16 * kBlock, .head = 2 * kBlock, .tail = 8 * kBlock};

class LogCapTest : public ::testing::Test {
 protected:
  void Append(const std::string& text) {
    std::ofstream(path_, std::ios::app) << text;
  }
  std::string Text() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  int64_t RoomOnDisk() const {
    struct stat info {};
    EXPECT_EQ(stat(path_.c_str(), &info), 0);
    return info.st_blocks * 512;
  }

  testing::ScopedTempDir dir_;
  const std::string path_ = dir_.Path("rank-0.log");
  LogCap cap_{path_, kLimits};
};

TEST_F(LogCapTest, ALogThatIsNotThereIsFine) {
  EXPECT_TRUE(cap_.Trim().ok());
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
}

TEST_F(LogCapTest, ASmallLogIsLeftAlone) {
  const std::string text(kLimits.most, 'x');
  Append(text);
  EXPECT_TRUE(cap_.Trim().ok());
  EXPECT_EQ(Text(), text);
}

TEST_F(LogCapTest, TheBeginningAndTheEndOfALargeOneStayWhereTheyAre) {
  const std::string text(20 * kBlock + 100, 'x');
  Append(text);
  ASSERT_TRUE(cap_.Trim().ok());
  const std::string left = Text();
  ASSERT_EQ(left.size(), text.size());
  EXPECT_EQ(left.substr(0, 2 * kBlock), text.substr(0, 2 * kBlock));
  const size_t tail = (left.size() - kLimits.tail) / kBlock * kBlock;
  EXPECT_EQ(left.substr(tail), text.substr(tail));
  EXPECT_EQ(left.substr(2 * kBlock, tail - 2 * kBlock),
            std::string(tail - 2 * kBlock, '\0'));
  EXPECT_LE(RoomOnDisk(), kLimits.head + kLimits.tail + 2 * kBlock);
}

TEST_F(LogCapTest, ALogThatGrowsOnIsKeptSmall) {
  for (int i = 0; i < 100; ++i) {
    Append(std::string(5 * kBlock, 'x'));
    ASSERT_TRUE(cap_.Trim().ok());
    EXPECT_LE(RoomOnDisk(), kLimits.most + kBlock);
  }
  EXPECT_EQ(Text().size(), 500 * kBlock);
}

TEST_F(LogCapTest, LooksMoreOftenWhileItGrowsFast) {
  Append("a line\n");
  ASSERT_TRUE(cap_.Trim().ok());
  const absl::Duration usual = cap_.interval();
  Append(std::string(kLimits.most / 2, 'x'));
  ASSERT_TRUE(cap_.Trim().ok());
  EXPECT_LT(cap_.interval(), usual / 10);
  ASSERT_TRUE(cap_.Trim().ok());
  EXPECT_EQ(cap_.interval(), usual);
}

TEST_F(LogCapTest, ALinkInItsPlaceIsNotFollowed) {
  const std::string other = dir_.Path("other");
  std::ofstream(other) << std::string(20 * kBlock, 'x');
  ASSERT_EQ(symlink(other.c_str(), path_.c_str()), 0);
  EXPECT_FALSE(cap_.Trim().ok());
  EXPECT_EQ(Text(), std::string(20 * kBlock, 'x'));
}

// procfs has no holes.
TEST(LogCapWithoutHolesTest, IsToldOfAsSuch) {
  LogCap cap("/proc/self/comm", {.most = -1, .head = 0, .tail = -kBlock});
  EXPECT_TRUE(absl::IsUnimplemented(cap.Trim()));
}

}  // namespace
}  // namespace lockstep
