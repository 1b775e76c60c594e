#include "worker/train/checkpoint_retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(CheckpointRetentionTest, TheOldestGo) {
  EXPECT_THAT(SurplusCheckpoints({10, 20, 30, 40}, 2, {}), ElementsAre(10, 20));
  EXPECT_THAT(SurplusCheckpoints({10, 20, 30}, 1, {}), ElementsAre(10, 20));
  EXPECT_THAT(SurplusCheckpoints({10, 20}, 2, {}), IsEmpty());
  EXPECT_THAT(SurplusCheckpoints({10, 20}, 3, {}), IsEmpty());
  EXPECT_THAT(SurplusCheckpoints({}, 1, {}), IsEmpty());
}

TEST(CheckpointRetentionTest, TheBestIsOneOfThoseThatStay) {
  EXPECT_THAT(SurplusCheckpoints({10, 20, 30, 40}, 2, 10), ElementsAre(20, 30));
  EXPECT_THAT(SurplusCheckpoints({10, 20, 30, 40}, 3, 10), ElementsAre(20));
  EXPECT_THAT(SurplusCheckpoints({10, 20, 30, 40}, 2, 40), ElementsAre(10, 20));
  // Not at hand any more.
  EXPECT_THAT(SurplusCheckpoints({10, 20, 30, 40}, 2, 5), ElementsAre(10, 20));
}

TEST(CheckpointRetentionTest, ALimitOfOneLeavesTheNewestAndTheBest) {
  EXPECT_THAT(SurplusCheckpoints({10, 20, 30}, 1, 10), ElementsAre(20));
  EXPECT_THAT(SurplusCheckpoints({10, 20}, 1, 10), IsEmpty());
  EXPECT_THAT(SurplusCheckpoints({10, 20}, 1, 20), ElementsAre(10));
}

}  // namespace
}  // namespace lockstep
