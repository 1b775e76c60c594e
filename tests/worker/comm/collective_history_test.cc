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

TEST(CollectiveHistoryTest, NamesTheOldestOfThosePending) {
  CollectiveHistory history;
  history.Begin("broadcast", 8);
  history.End(absl::Microseconds(20));
  for (int i = 1; i <= 40; ++i) history.Begin("all-reduce", 100 * i);
  history.End(absl::Microseconds(30));

  EXPECT_EQ(history.Describe(),
            "collective 3, all-reduce of 200 bytes, pending; "
            "2, all-reduce of 100 bytes, took 30us; "
            "1, broadcast of 8 bytes, took 20us; "
            "begun after it: 38");

  for (int i = 2; i <= 40; ++i) history.End(absl::Milliseconds(i));

  EXPECT_THAT(history.Describe(),
              StartsWith("collective 41, all-reduce of 4000 bytes, took 40ms; "
                         "40, all-reduce of 3900 bytes, took 39ms; "));
  EXPECT_THAT(history.Describe(),
              EndsWith("34, all-reduce of 3300 bytes, took 33ms"));
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
