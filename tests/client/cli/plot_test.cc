#include "client/cli/plot.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep::cli {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;

TEST(TicksTest, AreOneTwoOrFiveApart) {
  EXPECT_THAT(Ticks(0, 10, 5), ElementsAre(0, 2, 4, 6, 8, 10));
  EXPECT_THAT(Ticks(1.3, 6.2, 3), ElementsAre(2, 4, 6));
  EXPECT_THAT(Ticks(0.011, 0.039, 3), Pointwise(DoubleEq(), {0.02, 0.03}));
  EXPECT_THAT(Ticks(-3, 3, 2), ElementsAre(0));
}

TEST(PlotTest, AsciiRampIsGolden) {
  std::vector<PlotPoint> points;
  for (int i = 0; i <= 6; ++i) points.push_back({i, double(i)});

  EXPECT_EQ(RenderPlot(points, {.title = "a: loss by step",
                                .width = 20,
                                .height = 7,
                                .ascii = true}),
            "a: loss by step\n"
            "6 +               **\n"
            "  |            ***\n"
            "4 +          **\n"
            "  |       ***\n"
            "2 +    ***\n"
            "  |  **\n"
            "0 +**\n"
            "   0               6\n");
}

TEST(PlotTest, BrailleRampIsGolden) {
  std::vector<PlotPoint> points;
  for (int i = 0; i <= 6; ++i) points.push_back({i, double(i)});

  EXPECT_EQ(RenderPlot(points, {.title = "", .width = 20, .height = 3}),
            "5 ┤            ⣀⡠⠤⠒⠉\n"
            "  │     ⣀⡠⠤⠒⠒⠉⠉\n"
            "0 ┤⣀⠤⠔⠒⠉\n"
            "   0               6\n");
}

TEST(PlotTest, ASpikeIsNeverLost) {
  std::vector<PlotPoint> points(10000);
  for (int i = 0; i < 10000; ++i) points[i] = {i, 1.0};
  points[5000].y = 9;

  const std::string text =
      RenderPlot(points, {.width = 40, .height = 8, .ascii = true});

  // The column of the spike reaches the top line.
  EXPECT_THAT(text.substr(0, text.find('\n')), HasSubstr("*"));
}

TEST(PlotTest, AFlatLineLiesInTheMiddle) {
  const std::string text = RenderPlot(
      {{1, 2.0}, {2, 2.0}}, {.width = 20, .height = 3, .ascii = true});

  EXPECT_THAT(text, HasSubstr("2.0 +***************\n"));
}

TEST(PlotTest, OnePointIsAPoint) {
  const std::string text =
      RenderPlot({{7, 2.5}}, {.width = 20, .height = 3, .ascii = true});

  EXPECT_EQ(std::count(text.begin(), text.end(), '*'), 1);
  EXPECT_THAT(text, HasSubstr("7\n"));
}

TEST(PlotTest, PointsThatAreNotFiniteAreCounted) {
  const double nan = std::numeric_limits<double>::quiet_NaN();

  EXPECT_THAT(RenderPlot({{1, 1}, {2, nan}, {3, 2}}, {}),
              HasSubstr("1 points are not finite"));
  EXPECT_EQ(RenderPlot({{2, nan}}, {}),
            "no points\n1 points are not finite and not shown\n");
}

TEST(PlotTest, NoPointsIsSaid) { EXPECT_EQ(RenderPlot({}, {}), "no points\n"); }

}  // namespace
}  // namespace lockstep::cli
