// The promises hold in whatever order things happen, and the one who checks
// them is no fool: each fault of the world is noticed.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/simulation/seeds.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int kEvents = 500;

TEST(SimulationTest, PromisesHoldInAnyOrder) {
  const SeedsResult result = RunSeeds(/*first=*/1, /*seeds=*/300, kEvents);

  EXPECT_EQ(result.failure, "");
  if (result.seeds == 1) return;
  // It was no idle cluster.
  SimulationCounts counts = result.counts;
  EXPECT_GT(counts.ended_in[v1::Job::SUCCEEDED], result.seeds);
  EXPECT_GT(counts.ended_in[v1::Job::FAILED], result.seeds);
  EXPECT_GT(counts.ended_in[v1::Job::CANCELLED], result.seeds / 4);
  EXPECT_GT(counts.preempted, result.seeds / 10);
  EXPECT_GT(counts.taken, result.seeds / 10);
  EXPECT_GT(counts.paused, result.seeds / 10);
  EXPECT_GT(counts.timed_out, result.seeds / 20);
  EXPECT_GT(counts.hung, result.seeds / 20);
  EXPECT_GT(counts.lost_followers, result.seeds / 20);
  EXPECT_GT(counts.excluded, result.seeds / 60);
  EXPECT_GT(counts.waited_for_the_hour, result.seeds / 60);
  EXPECT_GT(counts.deleted, result.seeds / 4);
  EXPECT_GT(counts.queue_changes, result.seeds / 2);
  EXPECT_GT(counts.moved, result.seeds / 20);
  // Few: a queue has to be there, small and used.
  EXPECT_GT(counts.waited_for_quota, 0);
  EXPECT_GT(counts.checkpoints, result.seeds);
  EXPECT_GT(counts.crashes, result.seeds);
  EXPECT_GT(counts.watched, result.seeds);
  EXPECT_GT(counts.placed_by_engine, result.seeds / 10);
  EXPECT_GT(counts.attempts, counts.ended_in[v1::Job::SUCCEEDED]);
}

TEST(SimulationTest, TheSameSeedIsTheSameRun) {
  const SeedsResult first = RunSeeds(7, 1, kEvents);
  const SeedsResult second = RunSeeds(7, 1, kEvents);

  EXPECT_EQ(first.counts.attempts, second.counts.attempts);
  EXPECT_EQ(first.counts.watched, second.counts.watched);
  EXPECT_EQ(first.counts.ended_in, second.counts.ended_in);
}

std::string FailureWith(Fault fault) {
  return RunSeeds(/*first=*/1, /*seeds=*/300, kEvents, fault).failure;
}

TEST(SimulationFaultTest, AnAnswerBeforeTheDiskIsNoticed) {
  EXPECT_THAT(FailureWith(Fault::kAnswersBeforeTheDisk),
              AllOf(StartsWith("P1: "), HasSubstr("on disk")));
}

TEST(SimulationFaultTest, AMissingSyncIsNoticed) {
  EXPECT_THAT(FailureWith(Fault::kLyingDisk), StartsWith("P1: "));
}

TEST(SimulationFaultTest, ARestartThatAdoptsNobodyIsNoticed) {
  EXPECT_THAT(FailureWith(Fault::kAdoptsNobody),
              AnyOf(HasSubstr("has ended, and its ranks live"),
                    HasSubstr("starts beside attempt")));
}

TEST(SimulationFaultTest, ARestartThatForgetsRequestsIsNoticed) {
  EXPECT_THAT(FailureWith(Fault::kForgetsRequests),
              AnyOf(HasSubstr("a second job for request"),
                    HasSubstr("became another job")));
}

TEST(SimulationFaultTest, ARestartThatForgetsADrainIsNoticed) {
  EXPECT_THAT(FailureWith(Fault::kForgetsTheDrain),
              AnyOf(HasSubstr("is drained"),
                    HasSubstr("a drain is acknowledged and not on disk")));
}

TEST(SimulationFaultTest, ARestartThatForgetsDrainedDevicesIsNoticed) {
  EXPECT_THAT(FailureWith(Fault::kForgetsDrainedDevices),
              AnyOf(HasSubstr("which is given to no job"),
                    HasSubstr("is drained no more, and nobody asked")));
}

TEST(SimulationFaultTest, ADrainThatStopsNothingIsNoticed) {
  EXPECT_THAT(FailureWith(Fault::kDrainsNothing),
              AllOf(StartsWith("P2: "), HasSubstr("trains on")));
}

TEST(SimulationFaultTest, ARestartThatForgetsPausesIsNoticed) {
  EXPECT_THAT(FailureWith(Fault::kForgetsPauses),
              AllOf(StartsWith("P3: "), HasSubstr("does not hold any more")));
}

TEST(SimulationFaultTest, ARestartThatForgetsTimeLimitsIsNoticed) {
  EXPECT_THAT(FailureWith(Fault::kForgetsTimeLimits),
              AllOf(StartsWith("P3: "), HasSubstr("its time was over")));
}

TEST(SimulationFaultTest, ARestartThatForgetsBackoffsIsNoticed) {
  EXPECT_THAT(FailureWith(Fault::kForgetsBackoffs),
              AllOf(StartsWith("P3: "),
                    HasSubstr("that failed began within the hour before")));
}

TEST(SimulationFaultTest, ARestartThatForgetsWhereTimeWentIsNoticed) {
  EXPECT_THAT(FailureWith(Fault::kForgetsTime),
              AllOf(StartsWith("P4: "), HasSubstr("is in no share")));
}

TEST(SimulationFaultTest, AKillOfRanksThatAreWellIsNoticed) {
  EXPECT_THAT(FailureWith(Fault::kHearsNothing),
              AllOf(StartsWith("P2: "), HasSubstr("and all train")));
}

TEST(SimulationFaultTest, ATakerWithoutConsentIsNoticed) {
  EXPECT_THAT(FailureWith(Fault::kTakesWithoutConsent),
              AllOf(StartsWith("P2: "), HasSubstr("takes the devices of")));
}

TEST(SimulationFaultTest, DevicesThatAreNotKeptAreNoticed) {
  EXPECT_THAT(FailureWith(Fault::kKeepsNothing),
              AllOf(StartsWith("P3: "), HasSubstr("is kept for")));
}

TEST(SimulationFaultTest, ARestartThatForgetsDependenciesIsNoticed) {
  EXPECT_THAT(FailureWith(Fault::kForgetsDependencies),
              AllOf(StartsWith("P3: "), HasSubstr("no more, which has not")));
}

TEST(SimulationFaultTest, ARestartThatForgetsPinsIsNoticed) {
  EXPECT_THAT(FailureWith(Fault::kForgetsPins), HasSubstr("is pinned, or"));
}

TEST(SimulationFaultTest, ARestartThatForgetsPrioritiesIsNoticed) {
  EXPECT_THAT(FailureWith(Fault::kForgetsPriorities),
              AllOf(StartsWith("P3: "), HasSubstr("priority")));
}

TEST(SimulationFaultTest, ARestartThatForgetsQueuesIsNoticed) {
  EXPECT_THAT(FailureWith(Fault::kForgetsQueues),
              AnyOf(HasSubstr("starts, and queue"),
                    HasSubstr("is acknowledged and not on disk"),
                    HasSubstr("deletion of unknown")));
}

TEST(SimulationFaultTest, ACheckpointOfAStrangerIsNoticed) {
  EXPECT_THAT(FailureWith(Fault::kLetsStrangersIn),
              AllOf(StartsWith("P3: "), HasSubstr("is listed for attempt")));
}

TEST(SimulationFaultTest, ASeedThatFailsIsNamedWithItsCommand) {
  const std::string failure = FailureWith(Fault::kAnswersBeforeTheDisk);

  EXPECT_THAT(failure, ContainsRegex("seed [0-9]+; again: "
                                     "LOCKSTEP_SIMULATION_SEED=[0-9]+ .*"
                                     "--gtest_filter=SimulationFaultTest."
                                     "ASeedThatFailsIsNamedWithItsCommand"));
}

}  // namespace
}  // namespace lockstep::testing
