#include "client/cli/plot.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// One curve without a name.
std::string Plot(const std::vector<PlotPoint>& points,
                 const PlotOptions& options) {
  return RenderPlot({{"", points}}, options);
}

TEST(PlotTest, AsciiRampIsGolden) {
  std::vector<PlotPoint> points;
  for (int i = 0; i <= 6; ++i) points.push_back({i, double(i)});

  EXPECT_EQ(Plot(points, {.title = "a: loss by step",
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

  EXPECT_EQ(Plot(points, {.title = "", .width = 20, .height = 3}),
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
      Plot(points, {.width = 40, .height = 8, .ascii = true});

  // The column of the spike reaches the top line.
  EXPECT_THAT(text.substr(0, text.find('\n')), HasSubstr("*"));
}

TEST(PlotTest, AFlatLineLiesInTheMiddle) {
  const std::string text =
      Plot({{1, 2.0}, {2, 2.0}}, {.width = 20, .height = 3, .ascii = true});

  EXPECT_THAT(text, HasSubstr("2.0 +***************\n"));
}

TEST(PlotTest, OnePointIsAPoint) {
  const std::string text =
      Plot({{7, 2.5}}, {.width = 20, .height = 3, .ascii = true});

  EXPECT_EQ(std::count(text.begin(), text.end(), '*'), 1);
  EXPECT_THAT(text, HasSubstr("7\n"));
}

TEST(PlotTest, PointsThatAreNotFiniteAreCounted) {
  const double nan = std::numeric_limits<double>::quiet_NaN();

  EXPECT_THAT(Plot({{1, 1}, {2, nan}, {3, 2}}, {}),
              HasSubstr("1 point is not finite"));
  EXPECT_EQ(Plot({{2, nan}}, {}),
            "no points\n1 point is not finite and not shown\n");
}

TEST(PlotTest, NoPointsIsSaid) { EXPECT_EQ(Plot({}, {}), "no points\n"); }

TEST(PlotTest, NumbersAtTheEndsOfTheirRangeHaveLabels) {
  const double inf = std::numeric_limits<double>::infinity();
  const std::string text = Plot({{1, -1e308}, {2, inf}, {3, 1e308}, {4, -inf}},
                                {.width = 40, .height = 5, .ascii = true});

  EXPECT_THAT(text, AllOf(HasSubstr("\n  0.0e+00 +"), HasSubstr(" 1.0e+308 +"),
                          HasSubstr("-1.0e+308 +"),
                          HasSubstr("2 points are not finite")));
  EXPECT_THAT(text, AllOf(Not(HasSubstr("nan")), Not(HasSubstr("inf "))));
}

TEST(PlotTest, ALogarithmicAxisMakesPowersARamp) {
  std::vector<PlotPoint> points = {{0, 0.0}, {1, -3.0}};
  for (int i = 0; i <= 4; ++i) points.push_back({i + 2, std::pow(10, i)});

  EXPECT_EQ(Plot(points, {.title = "",
                          .width = 20,
                          .height = 5,
                          .ascii = true,
                          .log_y = true}),
            "     |            **\n"
            "1000 +         ***\n"
            "     |     ****\n"
            "     |  ***\n"
            "   1 +**\n"
            "      2            6\n"
            "2 points are not above 0 and not shown\n");
}

TEST(PlotTest, SeveralCurvesShareAxesAndHaveLetters) {
  EXPECT_EQ(
      RenderPlot(
          {{"qwen", {{0, 0.0}, {6, 6.0}}},
           {"llama", {{0, 6.0}, {3, 6.0}}},
           {"empty", {}}},
          {.title = "loss by step", .width = 20, .height = 7, .ascii = true}),
      "loss by step\n"
      "6 +BBBBBBBBB      AA\n"
      "  |            AAA\n"
      "4 +          AA\n"
      "  |       AAA\n"
      "2 +    AAA\n"
      "  |  AA\n"
      "0 +AA\n"
      "   0               6\n"
      "A qwen   B llama\n"
      "C empty\n");
}

TEST(PlotTest, BrailleCurvesCarryTheirLetters) {
  const std::string text =
      RenderPlot({{"a", {{0, 0.0}, {6, 0.0}}}, {"b", {{0, 6.0}, {6, 6.0}}}},
                 {.title = "", .width = 40, .height = 3});

  EXPECT_EQ(std::count(text.begin(), text.end(), 'A'), 4 + 1);
  EXPECT_EQ(std::count(text.begin(), text.end(), 'B'), 4 + 1);
  EXPECT_THAT(text, HasSubstr("A a   B b\n"));
}

TEST(PlotTest, ColoursTellCurvesApart) {
  const std::string text =
      RenderPlot({{"a", {{0, 0.0}, {6, 0.0}}}, {"b", {{0, 6.0}, {6, 6.0}}}},
                 {.title = "", .width = 40, .height = 3, .color = true});

  EXPECT_THAT(text, AllOf(HasSubstr("\x1b[0;36m"), HasSubstr("\x1b[0;33m"),
                          HasSubstr("\x1b[0m")));
}

TEST(PlotTest, SmoothingDrawsTheAverageAndFaintlyThePoints) {
  std::vector<PlotPoint> points;
  for (int i = 0; i < 40; ++i) points.push_back({i, i % 2 == 0 ? 0.0 : 10.0});
  PlotOptions options = {
      .title = "", .width = 40, .height = 9, .smoothing = 0.9};

  // Without colours only the average, which stays near 5 once it has settled.
  const std::string plain = Plot(points, options);
  EXPECT_THAT(plain, Not(HasSubstr("\x1b")));
  EXPECT_THAT(plain, Not(HasSubstr("10 ")));
  options.color = true;
  EXPECT_THAT(
      Plot(points, options),
      AllOf(HasSubstr("\x1b[0;2m"), HasSubstr("\x1b[0;36m"), HasSubstr("10 ")));
}

}  // namespace
}  // namespace lockstep::cli
