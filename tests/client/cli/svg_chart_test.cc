#include "client/cli/svg_chart.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string ChartOf(const std::vector<PlotPoint>& points) {
  return RenderChart("Loss", {{"job", points, "a"}});
}

TEST(SvgChartTest, DrawsALineBetweenItsAxes) {
  // 0 and 10 lie a margin of 0.4 inside the frame, the steps at its edges.
  EXPECT_THAT(ChartOf({{1, 0.0}, {3, 10.0}}),
              AllOf(HasSubstr("points=\"62.0,218.0 628.0,18.0 \""),
                    HasSubstr(">10</text>"), HasSubstr(">2</text>"),
                    HasSubstr("job <b>10</b> at step 3")));
}

TEST(SvgChartTest, OnePointIsADot) {
  EXPECT_THAT(ChartOf({{5, 2.0}}), HasSubstr("<circle class=\"a\""));
  EXPECT_THAT(ChartOf({{5, 2.0}, {6, 2.0}}), Not(HasSubstr("<circle")));
}

TEST(SvgChartTest, NothingToDrawIsNoChart) {
  EXPECT_EQ(ChartOf({}), "");
  EXPECT_EQ(ChartOf({{1, std::numeric_limits<double>::quiet_NaN()}}), "");
}

TEST(SvgChartTest, NumbersAtTheEndsOfTheirRangeStayNumbers) {
  for (const double y : {1e308, 1e300, 4e-323, -1e-300}) {
    const std::string chart = ChartOf({{1, y}, {2, -y}, {3, 1.0}, {4, 1.0}});
    EXPECT_THAT(chart, AllOf(HasSubstr("<polyline"), Not(HasSubstr("nan")),
                             Not(HasSubstr("inf"))));
    EXPECT_THAT(ChartOf({{1, y}, {2, y / 2}}),
                AllOf(Not(HasSubstr("nan")), Not(HasSubstr("inf"))));
  }
  EXPECT_THAT(ChartOf({{1, 1e308}, {2, 1.0}}),
              HasSubstr("1 points are not finite"));
}

}  // namespace
}  // namespace lockstep::cli
