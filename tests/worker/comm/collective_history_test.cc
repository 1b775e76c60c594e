#include "worker/comm/collective_history.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

TEST(CollectiveHistoryTest, TellsTheNewestFirst) {
  CollectiveHistory history;
  EXPECT_EQ(history.Describe(), "no collective yet");
  history.Begin("broadcast", 8);
  history.End(absl::Microseconds(20));
  history.Begin("all-reduce", 4096);

  EXPECT_EQ(history.Describe(),
            "collective 2, all-reduce of 4096 bytes, pending; "
            "1, broadcast of 8 bytes, took 20us");
}

TEST(CollectiveHistoryTest, ForgetsTheOldest) {
  CollectiveHistory history;
  for (int i = 1; i <= 100; ++i) {
    history.Begin("all-reduce", i);
    history.End(absl::Milliseconds(1));
  }

  EXPECT_THAT(history.Describe(), StartsWith("collective 100, "));
  EXPECT_THAT(history.Describe(),
              EndsWith("93, all-reduce of 93 bytes, took 1ms"));
}

}  // namespace
}  // namespace lockstep
