#include "client/cli/step_range.h"

#include "client/cli/rank_flag.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep::cli {
namespace {

using ::testing::HasSubstr;

TEST(StepRangeTest, IsAStepOrTwoEnds) {
  EXPECT_EQ(*ParseStepRange("100-110"), (StepRange{100, 110}));
  EXPECT_EQ(*ParseStepRange("7"), (StepRange{7, 7}));
  EXPECT_TRUE(ParseStepRange("3-5")->Contains(5));
  EXPECT_FALSE(ParseStepRange("3-5")->Contains(6));
}

TEST(StepRangeTest, NamesWhatIsNone) {
  for (const char* bad : {"", "-", "5-", "-5", "0", "0-3", "9-3", "a-b",
                          "1-2-3", "1.5", "1-9223372036854775807"}) {
    EXPECT_THAT(ParseStepRange(bad).status().message(),
                HasSubstr("--steps \"" + std::string(bad) + "\" is neither"));
  }
}

TEST(RankFlagTest, IsANumberFromZeroOn) {
  EXPECT_EQ(*ParseRank("3"), 3);
  EXPECT_THAT(ParseRank("-1").status().message(), HasSubstr("--rank \"-1\""));
}

}  // namespace
}  // namespace lockstep::cli
