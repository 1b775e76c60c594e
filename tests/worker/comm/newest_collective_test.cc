#include "worker/comm/newest_collective.h"

#include "gtest/gtest.h"

namespace lockstep {
namespace {

TEST(NewestCollectiveTest, SaysWhichOneAndWhetherItIsPending) {
  NewestCollective newest;
  EXPECT_FALSE(newest.Get().has_value());

  newest.Enter("all-reduce", 4096);
  EXPECT_EQ(newest.Get()->sequence(), 1);
  EXPECT_EQ(newest.Get()->operation(), "all-reduce of 4096 bytes");
  EXPECT_TRUE(newest.Get()->pending());

  newest.Leave();
  EXPECT_EQ(newest.Get()->sequence(), 1);
  EXPECT_FALSE(newest.Get()->pending());

  newest.Enter("barrier", 0);
  EXPECT_EQ(newest.Get()->operation(), "barrier");
  EXPECT_EQ(newest.Get()->sequence(), 2);
}

TEST(NewestCollectiveTest, IsPendingAsLongAsAnyIs) {
  NewestCollective newest;
  newest.Enter("all-reduce", 1);
  newest.Enter("all-reduce", 2);
  newest.Leave();
  EXPECT_EQ(newest.Get()->sequence(), 2);
  EXPECT_TRUE(newest.Get()->pending());
  newest.Leave();
  EXPECT_FALSE(newest.Get()->pending());
}

}  // namespace
}  // namespace lockstep
