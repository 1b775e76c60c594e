// A more urgent job takes the devices of those that give way.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/exit_code.h"
#include "server/scheduler/step.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep {
namespace {

using ::lockstep::testing::StepWorld;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto kLow = v1::ResourceSpec::PRIORITY_LOW;
constexpr auto kNormal = v1::ResourceSpec::PRIORITY_NORMAL;
constexpr auto kHigh = v1::ResourceSpec::PRIORITY_HIGH;

class StepPreemptTest : public ::testing::Test {
 protected:
  // Prepared, and started when there is room for it.
  void Submit(const std::string& id, int ranks,
              v1::ResourceSpec::Priority priority, bool preemptible = false) {
    v1::JobSpec spec;
    spec.mutable_resources()->set_ranks(ranks);
    spec.mutable_resources()->set_priority(priority);
    spec.mutable_resources()->set_preemptible(preemptible);
    spec.set_max_restarts(1);
    ASSERT_TRUE(world_.answer(world_.Create(id, spec)).ok());
    world_.Prepare(id);
  }
  void SubmitAndTrain(const std::string& id, int ranks,
                      v1::ResourceSpec::Priority priority,
                      bool preemptible = true) {
    Submit(id, ranks, priority, preemptible);
    world_.Train(id, 1);
    world_.Advance(absl::Seconds(1));
  }
  void SetPriority(const std::string& id, v1::ResourceSpec::Priority priority) {
    Scheduler::UpdateJob update;
    update.name = "jobs/" + id;
    update.priority = priority;
    ASSERT_TRUE(world_.answer(world_.Update(update)).ok());
  }
  v1::Job::State StateOf(const std::string& id) const {
    return world_.job(id).state();
  }
  bool Stops(const std::string& id) const {
    const auto& attempts = world_.job(id).attempts();
    return attempts.rbegin()->state() == v1::Attempt::DRAINING;
  }

  StepWorld world_{4};
};

TEST_F(StepPreemptTest, TheVictimStopsWithACheckpointAndWaitsAgain) {
  SubmitAndTrain("victim", 4, kLow);
  world_.Create("taker", 1);
  SetPriority("taker", kHigh);
  world_.Prepare("taker");
  EXPECT_TRUE(Stops("victim"));
  EXPECT_EQ(StateOf("victim"), v1::Job::RUNNING);
  EXPECT_EQ(world_.record("victim").processes(1).taken_by(), "jobs/taker");
  EXPECT_EQ(world_.job("taker").pending_reason(), v1::Job::CAPACITY);
  EXPECT_EQ(world_.job("taker").pending_message(),
            "needs 1 cpu device; 0 of 4 are free; jobs/victim makes room for "
            "it");
  EXPECT_THAT(world_.record("taker").kept_devices(), SizeIs(1));

  world_.Checkpoint("victim", 1, 7, true);
  world_.RanksEnded("victim", 1, kStopped);
  EXPECT_EQ(StateOf("taker"), v1::Job::STARTING);
  EXPECT_THAT(world_.record("taker").kept_devices(), IsEmpty());
  const v1::Job& victim = world_.job("victim");
  EXPECT_EQ(victim.attempts(0).end_cause(), v1::Attempt::PREEMPTED);
  EXPECT_EQ(victim.attempts(0).end_message(),
            "jobs/taker of priority high took its devices; its newest "
            "checkpoint is of step 7");
  EXPECT_EQ(victim.restarts(), 0);
  EXPECT_EQ(victim.pending_reason(), v1::Job::PREEMPTED);
  EXPECT_EQ(victim.pending_message(),
            "gave its devices to jobs/taker; needs 4 cpu devices; 3 of 4 are "
            "free");

  world_.RanksEnded("taker", 1, kOk);
  EXPECT_EQ(StateOf("victim"), v1::Job::STARTING);
  EXPECT_EQ(world_.job("victim").attempts(1).resume_step(), 7);
}

TEST_F(StepPreemptTest, EventsSayWhoTookThem) {
  SubmitAndTrain("victim", 4, kLow);
  world_.Create("taker", 2);
  SetPriority("taker", kHigh);
  world_.Launched({"jobs/taker", 0});
  world_.Prepared("taker");
  std::vector<std::string> events;
  for (const v1::Event& event : world_.events()) {
    events.push_back(event.job() + " " + event.type() + " " + event.message());
  }
  EXPECT_THAT(events,
              Contains("jobs/victim PREEMPTED jobs/taker of priority high "
                       "takes its devices; the ranks stop"));
  EXPECT_THAT(events, Contains("jobs/taker PREEMPTS jobs/victim gives way"));
}

TEST_F(StepPreemptTest, ConsentAndPriorityAreNeeded) {
  SubmitAndTrain("firm", 2, kLow, /*preemptible=*/false);
  SubmitAndTrain("equal", 2, kHigh);
  Submit("taker", 2, kHigh);
  EXPECT_FALSE(Stops("firm"));
  EXPECT_FALSE(Stops("equal"));
  EXPECT_EQ(world_.job("taker").pending_message(),
            "needs 2 cpu devices; 0 of 4 are free");
}

TEST_F(StepPreemptTest, NobodyStopsInVain) {
  SubmitAndTrain("firm", 2, kLow, /*preemptible=*/false);
  SubmitAndTrain("victim", 2, kLow);
  Submit("taker", 3, kHigh);
  EXPECT_FALSE(Stops("victim"));
  EXPECT_THAT(world_.record("taker").kept_devices(), IsEmpty());
}

TEST_F(StepPreemptTest, WhatIsFreeOrComesBackAnywayIsNotTakenTwice) {
  SubmitAndTrain("paused", 1, kLow);
  SubmitAndTrain("victim", 2, kLow);
  world_.Pause("paused");
  Submit("taker", 2, kHigh);
  // One is free and one comes back.
  EXPECT_FALSE(Stops("victim"));
  world_.RanksEnded("paused", 1, kStopped);
  EXPECT_EQ(StateOf("taker"), v1::Job::STARTING);
}

TEST_F(StepPreemptTest, FreedDevicesAreKeptForTheTakerAlone) {
  SubmitAndTrain("a", 2, kLow);
  SubmitAndTrain("b", 2, kLow);
  Submit("taker", 4, kNormal);
  ASSERT_TRUE(Stops("a") && Stops("b"));
  world_.RanksEnded("a", 1, kStopped);
  // One that is more urgent comes later, and would fit.
  Submit("late", 2, kHigh);
  EXPECT_EQ(StateOf("late"), v1::Job::QUEUED);
  EXPECT_EQ(world_.job("late").pending_message(),
            "needs 2 cpu devices; 0 of 4 are free");
  // Nor after a restart.
  world_.Restart();
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(StateOf("late"), v1::Job::QUEUED);
  world_.RanksEnded("b", 1, kStopped);
  EXPECT_EQ(StateOf("taker"), v1::Job::STARTING);
  EXPECT_EQ(StateOf("late"), v1::Job::QUEUED);
}

TEST_F(StepPreemptTest, WhatIsNotNeededIsAnybodys) {
  SubmitAndTrain("victim", 4, kLow);
  Submit("taker", 1, kHigh);
  Submit("next", 3, kNormal);
  world_.RanksEnded("victim", 1, kStopped);
  EXPECT_EQ(StateOf("taker"), v1::Job::STARTING);
  EXPECT_EQ(StateOf("next"), v1::Job::STARTING);
}

TEST_F(StepPreemptTest, ATakerThatGoesLeavesThemToOthers) {
  SubmitAndTrain("victim", 4, kLow);
  world_.Checkpoint("victim", 1, 7, true);
  Submit("taker", 4, kHigh);
  world_.Pause("taker");
  EXPECT_THAT(world_.record("taker").kept_devices(), IsEmpty());
  world_.RanksEnded("victim", 1, kStopped);
  EXPECT_EQ(StateOf("victim"), v1::Job::STARTING);
  EXPECT_EQ(world_.job("victim").attempts(1).resume_step(), 7);
  // Later it takes them again.
  world_.Train("victim", 2);
  world_.Resume("taker");
  EXPECT_TRUE(Stops("victim"));
}

TEST_F(StepPreemptTest, AVictimThatEndsOtherwiseMakesRoomAsWell) {
  SubmitAndTrain("victim", 4, kLow);
  Submit("taker", 2, kHigh);
  world_.RanksEnded("victim", 1, kOk);
  EXPECT_EQ(StateOf("victim"), v1::Job::SUCCEEDED);
  EXPECT_EQ(StateOf("taker"), v1::Job::STARTING);
}

TEST_F(StepPreemptTest, AVictimIsPausedOrCancelledMeanwhile) {
  SubmitAndTrain("a", 2, kLow);
  SubmitAndTrain("b", 2, kLow);
  Submit("taker", 4, kHigh);
  world_.Pause("a");
  world_.Cancel("b");
  world_.RanksEnded("a", 1, kStopped);
  world_.RanksEnded("b", 1, kStopped);
  EXPECT_EQ(StateOf("a"), v1::Job::PAUSED);
  EXPECT_EQ(StateOf("b"), v1::Job::CANCELLED);
  EXPECT_EQ(StateOf("taker"), v1::Job::STARTING);
}

// The taker may be long gone.
TEST_F(StepPreemptTest, AVictimThatIsResumedWaitsLikeAnyOther) {
  SubmitAndTrain("victim", 4, kLow);
  Submit("taker", 4, kHigh);
  world_.RanksEnded("victim", 1, kStopped);
  ASSERT_EQ(world_.job("victim").pending_reason(), v1::Job::PREEMPTED);
  world_.Pause("victim");
  world_.Resume("victim");
  EXPECT_EQ(world_.job("victim").pending_reason(), v1::Job::CAPACITY);
  EXPECT_EQ(world_.record("victim").processes(1).taken_by(), "");
  world_.Restart();
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(world_.job("victim").pending_reason(), v1::Job::CAPACITY);
}

TEST_F(StepPreemptTest, RanksThatHaveNotJoinedAreStoppedAtOnce) {
  Submit("victim", 4, kLow, /*preemptible=*/true);
  Submit("taker", 2, kHigh);
  EXPECT_THAT(world_.record("victim").processes(1).stop_reason(),
              HasSubstr("jobs/taker"));
  world_.RanksEnded("victim", 1, kStopped);
  EXPECT_EQ(world_.job("victim").attempts(0).end_cause(),
            v1::Attempt::PREEMPTED);
  EXPECT_EQ(StateOf("taker"), v1::Job::STARTING);
}

TEST_F(StepPreemptTest, WithoutACheckpointInTimeTheRanksAreKilled) {
  SubmitAndTrain("victim", 4, kLow);
  Submit("taker", 2, kHigh);
  world_.Advance(world_.options().drain_grace);
  // Its supervisor kills them and waits for their end; only then is anything
  // free.
  EXPECT_THAT(world_.Effects(),
              ElementsAre("stop jobs/victim/1 without grace"));
  world_.Advance(world_.options().kill_after_grace);
  EXPECT_THAT(world_.Effects(), ElementsAre("kill jobs/victim/1"));
  EXPECT_EQ(world_.job("taker").state(), v1::Job::QUEUED);
  world_.ProcessEnded({"jobs/victim", 1}, 0, /*signal=*/9);
  EXPECT_EQ(world_.job("victim").attempts(0).end_cause(),
            v1::Attempt::PREEMPTED);
  EXPECT_EQ(world_.job("victim").restarts(), 0);
}

TEST_F(StepPreemptTest, ARestartAsksForTheCheckpointAgain) {
  SubmitAndTrain("victim", 4, kLow);
  Submit("taker", 2, kHigh);
  world_.Restart();
  EXPECT_THAT(world_.Effects(), Contains("checkpoint and stop jobs/victim/1"));
  world_.RanksEnded("victim", 1, kStopped);
  EXPECT_EQ(world_.job("victim").pending_reason(), v1::Job::PREEMPTED);
  EXPECT_EQ(StateOf("taker"), v1::Job::STARTING);
}

TEST_F(StepPreemptTest, ARestartWhileTheRanksAreKilledCostsNothing) {
  SubmitAndTrain("victim", 4, kLow);
  Submit("taker", 2, kHigh);
  world_.Advance(world_.options().drain_grace);
  ASSERT_THAT(world_.Effects(),
              ElementsAre("stop jobs/victim/1 without grace"));
  world_.Restart();
  world_.ProcessEnded({"jobs/victim", 1}, 0);
  EXPECT_EQ(world_.job("victim").attempts(0).end_cause(),
            v1::Attempt::PREEMPTED);
  EXPECT_EQ(world_.job("victim").restarts(), 0);
  EXPECT_EQ(world_.job("victim").pending_reason(), v1::Job::PREEMPTED);
  EXPECT_EQ(world_.job("taker").state(), v1::Job::STARTING);
}

TEST_F(StepPreemptTest, APriorityThatChangesMayPreempt) {
  SubmitAndTrain("victim", 4, kNormal);
  Submit("taker", 2, kNormal);
  EXPECT_FALSE(Stops("victim"));
  SetPriority("victim", kLow);
  EXPECT_TRUE(Stops("victim"));
}

TEST_F(StepPreemptTest, OnlyTheFirstInLineTakes) {
  SubmitAndTrain("firm", 1, kLow, /*preemptible=*/false);
  SubmitAndTrain("victim", 3, kLow);
  Submit("large", 4, kHigh);
  Submit("small", 1, kHigh);
  // It would let the large one wait for ever.
  EXPECT_FALSE(Stops("victim"));
  EXPECT_EQ(world_.job("small").pending_reason(), v1::Job::PRIORITY);
}

TEST_F(StepPreemptTest, ADrainedCoordinatorPreemptsNobody) {
  SubmitAndTrain("victim", 4, kLow);
  world_.Create("taker", 2);
  SetPriority("taker", kHigh);
  world_.Drain(/*let_run=*/true);
  world_.Prepare("taker");
  EXPECT_FALSE(Stops("victim"));
  world_.Undrain();
  EXPECT_TRUE(Stops("victim"));
}

TEST_F(StepPreemptTest, WhatAVictimWaitsForIsSaidOnce) {
  SubmitAndTrain("victim", 4, kLow);
  Submit("taker", 2, kHigh);
  world_.RanksEnded("victim", 1, kStopped);
  const std::string etag = world_.job("victim").etag();
  world_.Train("taker", 1);
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(world_.job("victim").etag(), etag);
}

// What was drained while the victim has it comes back to nobody.
TEST_F(StepPreemptTest, NobodyStopsForADrainedDevice) {
  SubmitAndTrain("victim", 4, kLow);
  world_.DoAs({"root"}, DrainDeviceEvent{0, "cpu:1", true, "its fan"});
  Submit("large", 4, kHigh);
  EXPECT_FALSE(Stops("victim"));
  EXPECT_THAT(world_.record("large").kept_devices(), IsEmpty());
  Submit("fits", 3, kHigh);
  EXPECT_TRUE(Stops("victim"));
  ASSERT_THAT(world_.record("fits").kept_devices(), SizeIs(3));
  for (const server::KeptDevice& kept : world_.record("fits").kept_devices()) {
    EXPECT_NE(kept.device(), "cpu:1");
  }
}

}  // namespace
}  // namespace lockstep
