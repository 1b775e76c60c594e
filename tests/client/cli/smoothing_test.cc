#include "client/cli/smoothing.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep::cli {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

std::vector<double> ValuesOf(const std::vector<double>& values, double weight) {
  std::vector<PlotPoint> points;
  for (const double value : values) {
    points.push_back({static_cast<int64_t>(points.size()), value});
  }
  std::vector<double> smoothed;
  for (const PlotPoint& point : Smoothed(points, weight)) {
    smoothed.push_back(point.y);
  }
  return smoothed;
}

TEST(SmoothingTest, IsTheAverageWithoutItsBias) {
  // By hand, with w = 0.5: m = 4, 3, 5.5 over 1/2, 3/4, 7/8.
  EXPECT_THAT(ValuesOf({8, 2, 8}, 0.5),
              ElementsAre(8, 4, ::testing::DoubleEq(5.5 / 0.875)));
}

TEST(SmoothingTest, WithoutWeightNothingChanges) {
  EXPECT_THAT(ValuesOf({8, 2, 8}, 0), ElementsAre(8, 2, 8));
  EXPECT_THAT(ValuesOf({}, 0.9), ElementsAre());
}

TEST(SmoothingTest, AConstantStaysWhatItIs) {
  EXPECT_THAT(ValuesOf({0.1, 0.1, 0.1, 0.1}, 0.9), Each(0.1));
}

TEST(SmoothingTest, WhatIsNotFiniteIsPassedOnAndNotAveraged) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> values = ValuesOf({8, nan, 2}, 0.5);
  EXPECT_TRUE(std::isnan(values[1]));
  EXPECT_EQ(values[2], 4);
}

TEST(SmoothingTest, TheLargestNumbersStayNumbers) {
  constexpr double kMax = std::numeric_limits<double>::max();
  for (const double value : ValuesOf({kMax, -kMax, kMax, 0, kMax}, 0.97)) {
    EXPECT_TRUE(std::isfinite(value));
  }
}

}  // namespace
}  // namespace lockstep::cli
