#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class StepDrainDeviceTest : public ::testing::Test {
 protected:
  absl::Status Drain(const std::string& device,
                     const std::string& reason = "its fan") {
    return world_.answer(
        world_.DoAs({"root"}, DrainDeviceEvent{0, device, true, reason}));
  }
  absl::Status Undrain(const std::string& device) {
    return world_.answer(
        world_.DoAs({"root"}, DrainDeviceEvent{0, device, false}));
  }
  void CreateAndPrepare(const std::string& id, int ranks) {
    world_.Create(id, ranks);
    world_.Prepare(id);
  }
  std::vector<std::string> DevicesOf(const std::string& id) {
    std::vector<std::string> devices;
    for (const v1::RankPlacement& rank :
         world_.job(id).attempts().rbegin()->ranks()) {
      devices.push_back(rank.device());
    }
    return devices;
  }

  StepWorld world_{/*cpu_slots=*/2};
};

TEST_F(StepDrainDeviceTest, NoJobGetsIt) {
  ASSERT_TRUE(Drain("cpu:0").ok());
  CreateAndPrepare("a", 1);
  EXPECT_THAT(DevicesOf("a"), ElementsAre("cpu:1"));
  CreateAndPrepare("b", 1);
  EXPECT_EQ(world_.job("b").state(), v1::Job::QUEUED);
  EXPECT_EQ(world_.job("b").pending_reason(), v1::Job::CAPACITY);
  EXPECT_EQ(world_.job("b").pending_message(),
            "needs 1 cpu device; 0 of 2 are free, 1 out of use (cpu:0: its "
            "fan)");
}

TEST_F(StepDrainDeviceTest, WhoHasItKeepsItToTheEnd) {
  world_.RunAttempt1("a", 1);
  ASSERT_THAT(DevicesOf("a"), ElementsAre("cpu:0"));
  ASSERT_TRUE(Drain("cpu:0").ok());
  EXPECT_THAT(world_.Effects(), IsEmpty());
  EXPECT_EQ(world_.job("a").state(), v1::Job::RUNNING);
  world_.RanksEnded("a", 1, 0);
  CreateAndPrepare("b", 1);
  EXPECT_THAT(DevicesOf("b"), ElementsAre("cpu:1"));
}

TEST_F(StepDrainDeviceTest, WhoWaitsStartsWhenItIsUndrained) {
  ASSERT_TRUE(Drain("cpu:0").ok());
  CreateAndPrepare("a", 2);
  ASSERT_EQ(world_.job("a").state(), v1::Job::QUEUED);
  ASSERT_TRUE(Undrain("cpu:0").ok());
  EXPECT_EQ(world_.job("a").state(), v1::Job::STARTING);
}

TEST_F(StepDrainDeviceTest, AJobThatWantsAllIsAcceptedAndWaits) {
  ASSERT_TRUE(Drain("cpu:0").ok());
  EXPECT_TRUE(world_.answer(world_.Create("a", 2)).ok());
}

TEST_F(StepDrainDeviceTest, ItOutlivesTheCoordinator) {
  ASSERT_TRUE(Drain("cpu:0").ok());
  world_.Restart();
  CreateAndPrepare("a", 1);
  EXPECT_THAT(DevicesOf("a"), ElementsAre("cpu:1"));
}

TEST_F(StepDrainDeviceTest, ExplainSaysWhichAndWhy) {
  ASSERT_TRUE(Drain("cpu:0", "bad memory").ok());
  world_.RunAttempt1("a", 1);
  CreateAndPrepare("b", 1);
  const auto explanation = world_.Explain("b");
  ASSERT_TRUE(explanation.ok());
  EXPECT_EQ(explanation->devices_unavailable(), 1);
  EXPECT_EQ(explanation->devices_free(), 0);
  EXPECT_THAT(explanation->message(),
              HasSubstr("1 out of use (cpu:0: bad memory)"));
}

TEST_F(StepDrainDeviceTest, AnotherReasonReplacesTheFirst) {
  ASSERT_TRUE(Drain("cpu:0", "one").ok());
  ASSERT_TRUE(Drain("cpu:0", "two").ok());
  ASSERT_TRUE(Drain("cpu:0", "two").ok());
  CreateAndPrepare("a", 2);
  EXPECT_THAT(world_.job("a").pending_message(), HasSubstr("cpu:0: two"));
}

TEST_F(StepDrainDeviceTest, ABadDeviceOrReasonIsNamed) {
  EXPECT_EQ(ErrorReason(Drain("cpu:7")), "DEVICE_NOT_FOUND");
  EXPECT_THAT(std::string(Drain("cpu:7").message()), HasSubstr("\"cpu:7\""));
  EXPECT_EQ(ErrorReason(Undrain("")), "DEVICE_NOT_FOUND");
  for (const std::string& reason :
       {std::string(), std::string(257, 'x'), std::string("\x1b[2J")}) {
    EXPECT_EQ(ErrorReason(Drain("cpu:0", reason)), "INVALID_REASON");
  }
  EXPECT_TRUE(Drain("cpu:0", std::string(256, 'x')).ok());
  EXPECT_TRUE(Undrain("cpu:0").ok());
  EXPECT_TRUE(Undrain("cpu:0").ok());
}

TEST_F(StepDrainDeviceTest, ADeviceThatFailedIsExcluded) {
  world_.RunAttempt1("a", 2);
  world_.Failed("a", 1, 0, v1::Attempt::GPU_FAULT, "Xid 79");
  world_.RanksEnded("a", 1, 1);

  ASSERT_EQ(world_.job("a").attempts(0).end_cause(), v1::Attempt::GPU_FAULT);
  EXPECT_EQ(world_.job("a").state(), v1::Job::QUEUED);
  world_.Advance(absl::Seconds(60));
  EXPECT_EQ(world_.job("a").pending_message(),
            "needs 2 cpu devices; 1 of 2 are free, 1 out of use (cpu:0: "
            "excluded after a fault of jobs/a attempt 1)");
  ASSERT_TRUE(Undrain("cpu:0").ok());
  EXPECT_EQ(world_.job("a").state(), v1::Job::STARTING);
}

TEST_F(StepDrainDeviceTest, TheNextAttemptTakesAnotherDevice) {
  world_.RunAttempt1("a", 1);
  ASSERT_THAT(DevicesOf("a"), ElementsAre("cpu:0"));
  world_.Failed("a", 1, 0, v1::Attempt::GPU_FAULT, "Xid 79");
  world_.RanksEnded("a", 1, 1);
  EXPECT_EQ(world_.events()[0].type(), "ATTEMPT_ENDED");
  EXPECT_EQ(world_.events()[1].type(), "DEVICE_EXCLUDED");
  world_.Advance(absl::Seconds(60));
  EXPECT_THAT(DevicesOf("a"), ElementsAre("cpu:1"));
}

TEST_F(StepDrainDeviceTest, AnotherCauseExcludesNothing) {
  world_.RunAttempt1("a", 2);
  world_.Failed("a", 1, 1, v1::Attempt::NOT_FINITE, "loss is nan");
  world_.RanksEnded("a", 1, 1);
  CreateAndPrepare("b", 2);
  EXPECT_EQ(world_.job("b").state(), v1::Job::STARTING);
}

TEST_F(StepDrainDeviceTest, WhatAUserSaidOfItStays) {
  world_.RunAttempt1("a", 2);
  ASSERT_TRUE(Drain("cpu:0", "to be replaced").ok());
  world_.Failed("a", 1, 0, v1::Attempt::GPU_FAULT, "Xid 79");
  world_.RanksEnded("a", 1, 1);
  world_.Advance(absl::Seconds(60));
  EXPECT_THAT(world_.job("a").pending_message(), HasSubstr("to be replaced"));
}

// A victim whose device is drained frees nothing for the one that wants it.
TEST_F(StepDrainDeviceTest, NobodyIsPreemptedForADeviceThatIsDrained) {
  v1::JobSpec spec;
  spec.mutable_resources()->set_ranks(2);
  spec.mutable_resources()->set_preemptible(true);
  spec.mutable_resources()->set_priority(v1::ResourceSpec::PRIORITY_LOW);
  world_.Create("low", spec);
  world_.Prepare("low");
  world_.Train("low", 1);
  ASSERT_TRUE(Drain("cpu:0").ok());
  v1::JobSpec urgent;
  urgent.mutable_resources()->set_ranks(2);
  urgent.mutable_resources()->set_priority(v1::ResourceSpec::PRIORITY_HIGH);
  world_.Create("high", urgent);
  world_.Prepare("high");
  EXPECT_EQ(world_.job("low").state(), v1::Job::RUNNING);
  EXPECT_EQ(world_.job("low").attempts(0).state(), v1::Attempt::RUNNING);
}

}  // namespace
}  // namespace lockstep::testing
