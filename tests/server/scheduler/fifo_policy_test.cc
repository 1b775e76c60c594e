#include "server/scheduler/fifo_policy.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

v1::Node NodeOf(const std::string& name, int cpus, int gpus = 0) {
  v1::Node node;
  node.set_name("nodes/" + name);
  for (int i = 0; i < cpus + gpus; ++i) {
    v1::Device& device = *node.add_devices();
    device.set_id(i < cpus ? absl::StrCat("cpu:", i)
                           : absl::StrCat("GPU-", i - cpus));
    device.set_kind(i < cpus ? v1::Device::CPU : v1::Device::CUDA);
  }
  return node;
}

WaitingJob Waiting(const std::string& name, int count,
                   v1::Device::Kind kind = v1::Device::CPU,
                   absl::Duration backoff = absl::ZeroDuration()) {
  return {name, {kind, count}, backoff};
}

TEST(FifoPolicyTest, TheOldestGoFirst) {
  const DevicePool pool({NodeOf("a", 3)});
  const auto decisions = FifoPolicy().Decide(
      {Waiting("x", 1), Waiting("y", 1), Waiting("z", 2)}, pool);
  ASSERT_THAT(decisions, SizeIs(3));
  EXPECT_THAT(decisions[0].places, ElementsAre(DevicePlace{"a", "cpu:0"}));
  EXPECT_THAT(decisions[1].places, ElementsAre(DevicePlace{"a", "cpu:1"}));
  EXPECT_THAT(decisions[2].places, IsEmpty());
  EXPECT_EQ(decisions[2].reason, v1::Job::CAPACITY);
  EXPECT_EQ(decisions[2].message, "needs 2 cpu devices; 1 of 3 are free");
}

TEST(FifoPolicyTest, ALargeJobHoldsBackThoseBehindItOfItsKind) {
  const DevicePool pool({NodeOf("a", 2, /*gpus=*/1)});
  const auto decisions =
      FifoPolicy().Decide({Waiting("large", 3), Waiting("small", 1),
                           Waiting("other", 1, v1::Device::CUDA)},
                          pool);
  EXPECT_EQ(decisions[0].reason, v1::Job::CAPACITY);
  EXPECT_EQ(decisions[1].reason, v1::Job::PRIORITY);
  EXPECT_EQ(decisions[1].message,
            "needs 1 cpu device; jobs before it go first");
  EXPECT_THAT(decisions[2].places, ElementsAre(DevicePlace{"a", "GPU-0"}));
}

TEST(FifoPolicyTest, AJobThatWaitsOutAFailureHoldsBackNobody) {
  const DevicePool pool({NodeOf("a", 1)});
  const auto decisions = FifoPolicy().Decide(
      {Waiting("failed", 1, v1::Device::CPU, absl::Seconds(1)),
       Waiting("next", 1)},
      pool);
  EXPECT_EQ(decisions[0].reason, v1::Job::BACKOFF);
  EXPECT_THAT(decisions[1].places, SizeIs(1));
}

TEST(FifoPolicyTest, RanksSitOnOneHostWhereOneHasRoom) {
  DevicePool pool({NodeOf("a", 2), NodeOf("b", 3)});
  auto decisions = FifoPolicy().Decide({Waiting("x", 3)}, pool);
  EXPECT_THAT(decisions[0].places,
              ElementsAre(DevicePlace{"b", "cpu:0"}, DevicePlace{"b", "cpu:1"},
                          DevicePlace{"b", "cpu:2"}));
  decisions = FifoPolicy().Decide({Waiting("x", 4)}, pool);
  EXPECT_THAT(decisions[0].places, SizeIs(4));
}

TEST(FifoPolicyTest, HeldDevicesAreNotGiven) {
  DevicePool pool({NodeOf("a", 2)});
  pool.Reserve("jobs/x", {{"a", "cpu:0"}});
  auto decisions = FifoPolicy().Decide({Waiting("y", 1)}, pool);
  EXPECT_THAT(decisions[0].places, ElementsAre(DevicePlace{"a", "cpu:1"}));
  pool.Release("jobs/x");
  decisions = FifoPolicy().Decide({Waiting("y", 2)}, pool);
  EXPECT_THAT(decisions[0].places, SizeIs(2));
}

TEST(FifoPolicyTest, SaysHowManyDevicesOthersUse) {
  DevicePool pool({NodeOf("a", 1, /*gpus=*/4)});
  pool.Reserve("jobs/b", {{"a", "GPU-0"}});
  pool.SetForeignUses({{"GPU-1", "process 7"}, {"GPU-3", "process 8"}});

  const auto decisions = FifoPolicy().Decide(
      {Waiting("x", 1, v1::Device::CUDA), Waiting("y", 1, v1::Device::CUDA)},
      pool);

  EXPECT_THAT(decisions[0].places, ElementsAre(DevicePlace{"a", "GPU-2"}));
  EXPECT_EQ(decisions[1].reason, v1::Job::CAPACITY);
  EXPECT_EQ(decisions[1].message,
            "needs 1 cuda device; 0 of 4 are free, 2 used by processes that "
            "are not Lockstep's");
}

TEST(FifoPolicyTest, AJobStartsOnWhatIsKeptForItWhoeverIsBeforeIt) {
  DevicePool pool({NodeOf("a", 3)});
  pool.Keep("kept", {{"a", "cpu:1"}});
  const auto decisions =
      FifoPolicy().Decide({Waiting("large", 3), Waiting("kept", 1)}, pool);
  EXPECT_EQ(decisions[0].message, "needs 3 cpu devices; 2 of 3 are free");
  EXPECT_THAT(decisions[1].places, ElementsAre(DevicePlace{"a", "cpu:1"}));
}

TEST(FifoPolicyTest, WhatIsKeptAndWhatIsFreeAddUp) {
  DevicePool pool({NodeOf("a", 3)});
  pool.Keep("kept", {{"a", "cpu:1"}});
  const auto decisions =
      FifoPolicy().Decide({Waiting("kept", 2), Waiting("next", 1)}, pool);
  EXPECT_THAT(decisions[0].places, ElementsAre(DevicePlace{"a", "cpu:0"},
                                               DevicePlace{"a", "cpu:1"}));
  EXPECT_THAT(decisions[1].places, ElementsAre(DevicePlace{"a", "cpu:2"}));
}

}  // namespace
}  // namespace lockstep
