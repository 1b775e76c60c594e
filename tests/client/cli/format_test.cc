#include "client/cli/format.h"

#include "gtest/gtest.h"

namespace lockstep::cli {
namespace {

TEST(FormatTest, CountsHaveAtMostFourDigits) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(999.6), "1.0k");
  EXPECT_EQ(FormatCount(18234), "18.2k");
  EXPECT_EQ(FormatCount(999960), "1.0M");
  EXPECT_EQ(FormatCount(3.1e9), "3.1G");
}

TEST(FormatTest, BytesUsePowersOfTwo) {
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatBytes(int64_t{3} << 30), "3.0 GiB");
}

TEST(FormatTest, DurationsHaveTwoUnitsAtMost) {
  EXPECT_EQ(FormatShortDuration(absl::Seconds(-3)), "0s");
  EXPECT_EQ(FormatShortDuration(absl::Seconds(119)), "119s");
  EXPECT_EQ(FormatShortDuration(absl::Seconds(120)), "2m");
  EXPECT_EQ(FormatShortDuration(absl::Minutes(65)), "1h05m");
  EXPECT_EQ(FormatShortDuration(absl::Hours(75)), "3d");
}

TEST(FormatTest, LearningRatesAreScientific) {
  EXPECT_EQ(FormatLearningRate(0), "0");
  EXPECT_EQ(FormatLearningRate(1.84e-4), "1.8e-4");
  EXPECT_EQ(FormatLearningRate(9.99e-5), "1.0e-4");
  EXPECT_EQ(FormatLearningRate(0.01), "1.0e-2");
}

TEST(FormatTest, AgeOfNothingIsADash) {
  google::protobuf::Timestamp time;
  EXPECT_EQ(FormatAge(time, absl::FromUnixSeconds(100)), "-");
  time.set_seconds(40);
  EXPECT_EQ(FormatAge(time, absl::FromUnixSeconds(100)), "60s");
}

TEST(FormatTest, WidthCountsCharactersNotBytes) {
  EXPECT_EQ(DisplayWidth("▕█▏"), 3u);
  EXPECT_EQ(DisplayWidth("abc"), 3u);
}

}  // namespace
}  // namespace lockstep::cli
