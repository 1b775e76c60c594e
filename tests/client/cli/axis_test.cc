#include "client/cli/axis.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep::cli {
namespace {

using ::testing::AllOf;
using ::testing::DoubleEq;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;
using ::testing::Pair;
using ::testing::Pointwise;
using ::testing::SizeIs;

constexpr double kMax = std::numeric_limits<double>::max();
constexpr double kLeast = std::numeric_limits<double>::denorm_min();

TEST(TicksTest, AreOneTwoOrFiveApart) {
  EXPECT_THAT(Ticks(0, 10, 5), ElementsAre(0, 2, 4, 6, 8, 10));
  EXPECT_THAT(Ticks(1.3, 6.2, 3), ElementsAre(2, 4, 6));
  EXPECT_THAT(Ticks(0.011, 0.039, 3), Pointwise(DoubleEq(), {0.02, 0.03}));
  EXPECT_THAT(Ticks(-3, 3, 2), ElementsAre(0));
  EXPECT_THAT(Ticks(3, 3, 2), IsEmpty());
}

TEST(TicksTest, AreNumbersAtTheEndsOfTheirRange) {
  EXPECT_THAT(Ticks(-1e308, 1e308, 4),
              Pointwise(DoubleEq(), {-1e308, -5e307, 0.0, 5e307, 1e308}));
  EXPECT_THAT(Ticks(-kMax, kMax, 4),
              AllOf(Not(IsEmpty()), Each(AllOf(Ge(-kMax), Le(kMax)))));
  EXPECT_THAT(Ticks(0, kLeast, 4), ElementsAre(0, kLeast));
  EXPECT_THAT(Ticks(1e308, std::nextafter(1e308, kMax), 8), SizeIs(Le(2)));
}

TEST(LogTicksTest, ArePowersOfTenAsFarAsThereIsRoom) {
  EXPECT_THAT(LogTicks(0.01, 100, 6),
              Pointwise(DoubleEq(), {0.01, 0.1, 1.0, 10.0, 100.0}));
  EXPECT_THAT(LogTicks(0.5, 30, 8),
              Pointwise(DoubleEq(), {0.5, 1.0, 2.0, 5.0, 10.0, 20.0}));
  EXPECT_THAT(LogTicks(kLeast, kMax, 8), SizeIs(AllOf(Ge(4u), Le(8u))));
  // Less than a power of ten: as on any other axis.
  EXPECT_THAT(LogTicks(2, 6, 4), ElementsAre(2, 3, 4, 5, 6));
}

TEST(ValueAxisTest, LabelsLieWhereTheirValuesDo) {
  const ValueAxis axis(0, 10, /*log=*/false);
  EXPECT_EQ(axis.Place(0, 11), 0);
  EXPECT_EQ(axis.Place(5, 11), 5);
  EXPECT_EQ(axis.Place(10, 11), 10);
  EXPECT_THAT(axis.TickLabels(11),
              ElementsAre(Pair(0, "0"), Pair(2, "2"), Pair(4, "4"),
                          Pair(6, "6"), Pair(8, "8"), Pair(10, "10")));
}

TEST(ValueAxisTest, ALogarithmicAxisHasEqualPowers) {
  const ValueAxis axis(0.001, 1000, /*log=*/true);
  EXPECT_EQ(axis.Place(1, 13), 6);
  EXPECT_EQ(axis.Place(0.1, 13), 4);
  EXPECT_THAT(axis.TickLabels(13),
              ElementsAre(Pair(2, "0.01"), Pair(6, "1"), Pair(10, "100")));
}

// Each label reads as a number that lies where the label does, and no two are
// alike.
void ExpectLabelsAreRight(const ValueAxis& axis, int count) {
  const auto labels = axis.TickLabels(count);
  EXPECT_THAT(labels, SizeIs(Ge(1u)));
  std::set<std::string> seen;
  for (const auto& [place, label] : labels) {
    EXPECT_THAT(label, AllOf(Not(HasSubstr("nan")), Not(HasSubstr("inf"))));
    EXPECT_EQ(axis.Place(std::strtod(label.c_str(), nullptr), count), place)
        << label;
    EXPECT_TRUE(seen.insert(label).second) << label << " stands twice";
  }
}

TEST(ValueAxisTest, LabelsAreRightAtEverySize) {
  for (const double size : {1e-300, 1e-9, 1e-4, 0.5, 1.0, 7e5, 3e6, 1e300}) {
    for (const double spread : {1e-6, 1e-3, 0.5, 2.0}) {
      SCOPED_TRACE(::testing::Message() << size << " " << spread);
      ExpectLabelsAreRight({size, size * (1 + spread), false}, 16);
      ExpectLabelsAreRight({-size, size * spread, false}, 16);
      ExpectLabelsAreRight({size, size * (1 + spread), true}, 16);
    }
  }
}

TEST(ValueAxisTest, LabelsAreRightNearTheLargestNumber) {
  ExpectLabelsAreRight({-1e308, 1e308, false}, 16);
  ExpectLabelsAreRight({0, 1e308, false}, 16);
  ExpectLabelsAreRight({1e308, 1e308, false}, 16);
  ExpectLabelsAreRight({1e-308, 1e308, true}, 16);
  EXPECT_THAT(ValueAxis(-1e308, 1e308, false).TickLabels(5),
              ElementsAre(Pair(0, "-1.0e+308"), Pair(2, "0.0e+00"),
                          Pair(4, "1.0e+308")));
}

}  // namespace
}  // namespace lockstep::cli
