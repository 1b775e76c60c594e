#include "server/events/step_index.h"

#include "gtest/gtest.h"

namespace lockstep {
namespace {

constexpr int64_t kStretch = 64 << 10;

// Three stretches of a log that ends at 4 * kStretch: steps 1 to 20, 20 to 30,
// and 5 to 40, where a new attempt begins.
StepIndex Index() {
  StepIndex index;
  index.Add(0, 1, 10);
  index.Add(kStretch - 1, 20, 20);
  index.Add(kStretch + 7, 20, 30);
  index.Add(3 * kStretch, 5, 5);
  index.Add(3 * kStretch + 9, 40, 40);
  return index;
}

int64_t Skip(int64_t position, StepBounds steps) {
  return Index().Skip(position, steps, 4 * kStretch);
}

TEST(StepIndexTest, PassesOverWhatHasNoneOfTheSteps) {
  EXPECT_EQ(Skip(0, {.first = 20}), 0);
  EXPECT_EQ(Skip(0, {.first = 21}), kStretch + 7);
  EXPECT_EQ(Skip(0, {.first = 31}), 3 * kStretch);
  EXPECT_EQ(Skip(0, {.first = 41}), 4 * kStretch);
}

TEST(StepIndexTest, StopsBehindTheLastOfThem) {
  EXPECT_EQ(Skip(kStretch + 7, {.first = 0, .last = 19}), 3 * kStretch);
  EXPECT_EQ(Skip(kStretch + 7, {.first = 0, .last = 4}), 4 * kStretch);
  EXPECT_EQ(Skip(kStretch + 7, {.first = 25, .last = 26}), kStretch + 7);
}

TEST(StepIndexTest, WithoutBoundsNothingIsPassedOver) {
  for (const int64_t position : {int64_t{0}, int64_t{5}, kStretch + 8}) {
    EXPECT_EQ(Skip(position, {}), position);
  }
}

TEST(StepIndexTest, APlaceWithinAStretchStays) {
  EXPECT_EQ(Skip(kStretch + 500, {.first = 25}), kStretch + 500);
  EXPECT_EQ(Skip(kStretch + 500, {.first = 35}), 3 * kStretch);
}

TEST(StepIndexTest, WhatIsNoPlaceInTheLogIsLeftToTheReader) {
  for (const int64_t position : {int64_t{-1}, 4 * kStretch, 5 * kStretch}) {
    EXPECT_EQ(Skip(position, {.first = 1000}), position);
  }
  EXPECT_EQ(StepIndex().Skip(0, {.first = 1}, 0), 0);
}

}  // namespace
}  // namespace lockstep
