#include "client/cli/format.h"

#include <cmath>
#include <limits>

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

TEST(FormatTest, WhatIsNoNumberSaysSo) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(FormatLearningRate(std::nan("")), "nan");
  EXPECT_EQ(FormatLearningRate(infinity), "inf");
  EXPECT_EQ(FormatLearningRate(-infinity), "-inf");
  EXPECT_EQ(FormatCount(std::nan("")), "nan");
  EXPECT_EQ(FormatCount(infinity), "inf");
  EXPECT_EQ(FormatLoss(std::nan("")), "nan");
  EXPECT_EQ(FormatPercent(infinity), "inf%");
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

TEST(FormatTest, ShortensAtTheEndOrInFront) {
  EXPECT_EQ(ShortenEnd("abcdef", 6, true), "abcdef");
  EXPECT_EQ(ShortenEnd("abcdef", 5, true), "abcd…");
  EXPECT_EQ(ShortenEnd("äöüäöü", 3, false), "äö~");
  EXPECT_EQ(ShortenEnd("abc", 1, true), "…");
  EXPECT_EQ(ShortenFront("abcdef", 6, true), "abcdef");
  EXPECT_EQ(ShortenFront("abcdef", 5, true), "…cdef");
  EXPECT_EQ(ShortenFront("äöüäöü", 3, false), "~öü");
}

TEST(FormatTest, WrapsBetweenWordsWhereThatGoes) {
  EXPECT_EQ(WrapLine("one two", 7, 2), "one two");
  EXPECT_EQ(WrapLine("one two three", 7, 2), "one two\n  three");
  EXPECT_EQ(WrapLine("one twotwotwo", 6, 1), "one\n twotw\n otwo");
  EXPECT_EQ(WrapLine("äöü äöü", 3, 0), "äöü\näöü");
}

}  // namespace
}  // namespace lockstep::cli
