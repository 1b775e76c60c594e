#include "server/scheduler/rank_paces.h"

#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr double kForward = 0.010;
constexpr double kBackward = 0.020;
constexpr absl::Duration kBetweenLooks = absl::Seconds(1);

v1::MetricPoint PointOf(int rank, int64_t step, double forward,
                        double backward) {
  v1::MetricPoint point;
  point.set_rank(rank);
  point.set_step(step);
  auto& values = *point.mutable_values();
  values["data_seconds"] = 0.001;
  values["forward_seconds"] = forward;
  values["backward_seconds"] = backward;
  values["comm_seconds"] = 0.005;
  values["optimizer_seconds"] = 0.001;
  return point;
}

class RankPacesTest : public ::testing::Test {
 protected:
  // One step of four ranks, of which the last takes so many times as long to
  // pass backward.
  void Step(double times) {
    ++step_;
    for (int rank = 0; rank < 4; ++rank) {
      paces_.Add(rank, PointOf(rank, step_, kForward,
                               kBackward * (rank == 3 ? times : 1)));
    }
  }

  // A second later.
  std::vector<RankSlowness> Look() {
    return paces_.Look(now_ += kBetweenLooks);
  }

  int64_t step_ = 0;
  absl::Duration now_;
  RankPaces paces_{4};
};

TEST_F(RankPacesTest, NamesTheRankAndWhereItLosesTime) {
  std::vector<RankSlowness> found;
  while (found.empty() && step_ < 50) {
    Step(2);
    found = Look();
  }
  ASSERT_THAT(found, SizeIs(1));
  // A second each.
  EXPECT_EQ(step_, kStepsToJudge + kSlowRankLasts / kBetweenLooks);
  EXPECT_EQ(found[0].rank, 3);
  EXPECT_FALSE(found[0].over);
  EXPECT_EQ(found[0].kind, v1::Span::BACKWARD);
  EXPECT_NEAR(found[0].slowdown, 0.052 / 0.032, 1e-6);
  EXPECT_EQ(found[0].takes, absl::Milliseconds(40));
  EXPECT_EQ(found[0].median, absl::Milliseconds(20));
  EXPECT_THAT(paces_.Slowdowns(),
              ElementsAre(DoubleNear(1, 1e-6), DoubleNear(1, 1e-6),
                          DoubleNear(1, 1e-6), DoubleNear(1.625, 1e-3)));
}

TEST_F(RankPacesTest, TellsItOnceAndThenThatItIsOver) {
  std::vector<RankSlowness> found;
  while (found.empty() && step_ < 60) {
    Step(2);
    found = Look();
  }
  EXPECT_THAT(found, SizeIs(1));
  for (int i = 0; i < 40; ++i) {
    Step(2);
    EXPECT_THAT(Look(), IsEmpty());
  }
  found.clear();
  for (int i = 0; i < 60 && found.empty(); ++i) {
    Step(1);
    found = Look();
  }
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_TRUE(found[0].over);
}

TEST_F(RankPacesTest, WhatDoesNotLastIsNotTold) {
  // Steps of which a turn of 20 takes 6 s; the median follows 16 later.
  const auto look = [this] { return paces_.Look(now_ += 0.3 * kBetweenLooks); };
  for (int turn = 0; turn < 10; ++turn) {
    for (int i = 0; i < 20; ++i) {
      Step(2);
      EXPECT_THAT(look(), IsEmpty()) << step_;
    }
    for (int i = 0; i < 20; ++i) {
      Step(1);
      EXPECT_THAT(look(), IsEmpty()) << step_;
    }
  }
}

TEST_F(RankPacesTest, NoiseIsNoSlowness) {
  std::mt19937 random(7);
  // A third of a step is not known, and every tenth step one rank hiccups.
  std::normal_distribution<double> noise(1, 0.15);
  for (int step = 1; step <= 1000; ++step) {
    for (int rank = 0; rank < 4; ++rank) {
      const double hiccup = random() % 10 == 0 ? 5 : 1;
      paces_.Add(rank, PointOf(rank, step, kForward * noise(random),
                               kBackward * noise(random) * hiccup));
    }
    EXPECT_THAT(Look(), IsEmpty()) << step;
  }
}

TEST_F(RankPacesTest, WhatCostsLittleIsNotTold) {
  for (int64_t step = 1; step <= 100; ++step) {
    for (int rank = 0; rank < 4; ++rank) {
      paces_.Add(rank, PointOf(rank, step, 1e-5, rank == 3 ? 2e-3 : 1e-5));
    }
  }
  EXPECT_THAT(Look(), IsEmpty());
}

TEST(RankPacesOfTwoTest, TheSlowerIsTheSlowOne) {
  RankPaces paces(2);
  for (int64_t step = 1; step <= 40; ++step) {
    paces.Add(0, PointOf(0, step, 2 * kForward, 2 * kBackward));
    paces.Add(1, PointOf(1, step, kForward, kBackward));
  }
  EXPECT_THAT(paces.Look(absl::ZeroDuration()), IsEmpty());
  paces.Add(1, PointOf(1, 41, kForward, kBackward));
  const std::vector<RankSlowness> found = paces.Look(kSlowRankLasts);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].rank, 0);
}

TEST(RankPacesOfTwoTest, ReportsOfManyStepsJudgeSooner) {
  RankPaces paces(2);
  for (const int64_t step : {20, 40}) {
    paces.Add(0, PointOf(0, step, 2 * kForward, 2 * kBackward));
    paces.Add(1, PointOf(1, step, kForward, kBackward));
  }
  // The first report may be of any number of steps and counts as one.
  EXPECT_THAT(paces.Look(absl::ZeroDuration()), IsEmpty());
  for (const int step : {60, 80}) {
    paces.Add(0, PointOf(0, step, 2 * kForward, 2 * kBackward));
    paces.Add(1, PointOf(1, step, kForward, kBackward));
    EXPECT_THAT(
        paces.Look(step == 60 ? kBetweenLooks : kBetweenLooks + kSlowRankLasts),
        SizeIs(step == 60 ? 0 : 1));
  }
}

TEST(RankPacesOfTwoTest, KnowsNothingOfWhatDoesNotTell) {
  RankPaces paces(2);
  paces.Add(0, PointOf(0, 1, kForward, kBackward));
  EXPECT_THAT(paces.Slowdowns(), Each(0));
  v1::MetricPoint other;
  other.set_step(1);
  (*other.mutable_values())["eval_loss"] = 1;
  paces.Add(1, other);
  EXPECT_THAT(paces.Slowdowns(), Each(0));
  // Neither of a rank that there is not, nor what came before.
  paces.Add(2, PointOf(2, 1, kForward, kBackward));
  paces.Add(1, PointOf(1, 1, kForward, kBackward));
  paces.Add(1, PointOf(1, 1, 9, 9));
  EXPECT_THAT(paces.Slowdowns(), Each(DoubleNear(1, 1e-9)));
}

}  // namespace
}  // namespace lockstep
