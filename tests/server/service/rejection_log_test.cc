#include "server/service/rejection_log.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/fake_clock.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class RejectionLogTest : public ::testing::Test {
 protected:
  testing::FakeClock clock_;
  std::vector<std::string> lines_;
  RejectionLog log_{
      clock_, [this](const std::string& line) { lines_.push_back(line); }};
};

TEST_F(RejectionLogTest, SaysWhoWasRefusedWhatAndWhy) {
  log_.Note("ipv4:10.0.0.7:5 alice", "lockstep.v1.JobService/CancelJob",
            "NOT_JOB_OWNER");
  EXPECT_THAT(lines_, ElementsAre("refused ipv4:10.0.0.7:5 alice "
                                  "lockstep.v1.JobService/CancelJob: "
                                  "NOT_JOB_OWNER"));
}

TEST_F(RejectionLogTest, AFloodFillsAFewLinesAMinute) {
  for (int i = 0; i < 100'000; ++i) log_.Note("x", "y", "TOKEN_INVALID");
  EXPECT_THAT(lines_, SizeIs(RejectionLog::kLinesAMinute));
  clock_.Advance(absl::Seconds(59));
  log_.Note("x", "y", "TOKEN_INVALID");
  EXPECT_THAT(lines_, SizeIs(RejectionLog::kLinesAMinute));
  clock_.Advance(absl::Seconds(1));
  log_.Note("z", "y", "TOKEN_INVALID");
  ASSERT_THAT(lines_, SizeIs(RejectionLog::kLinesAMinute + 2));
  EXPECT_EQ(lines_[20],
            absl::StrCat("refused ", 100'001 - RejectionLog::kLinesAMinute,
                         " more calls before that"));
  EXPECT_THAT(lines_[21], HasSubstr("refused z "));
}

TEST_F(RejectionLogTest, ANameCannotEndTheLine) {
  log_.Note("a\nb", "y", "z");
  EXPECT_THAT(lines_, ElementsAre(::testing::Not(HasSubstr("\n"))));
}

}  // namespace
}  // namespace lockstep
