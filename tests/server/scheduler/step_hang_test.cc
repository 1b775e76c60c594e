// What Step makes of ranks that say nothing and of attempts that stand.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep {
namespace {

using ::lockstep::testing::StepWorld;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

RankSign Sign(int rank, absl::Duration silent_for, int64_t sequence) {
  RankSign sign{.rank = rank, .silent_for = silent_for};
  worker::v1::Collective& collective = sign.collective.emplace();
  collective.set_sequence(sequence);
  collective.set_operation("all-reduce of 64 bytes");
  collective.set_pending(true);
  return sign;
}

HangFound Hang(const std::vector<RankSign>& ranks, int attempt = 1) {
  return {.attempt = {"jobs/a", attempt},
          .step = 12,
          .stands_for = absl::Seconds(31),
          .limit = absl::Seconds(30),
          .ranks = ranks};
}

const v1::Attempt& Attempt1(const StepWorld& world) {
  return world.job("a").attempts(0);
}

TEST(StepHangTest, AStuckRankIsNamedWithItsCollective) {
  StepWorld world(2);
  world.RunAttempt1("a", 2);
  world.Checkpoint("a", 1, 10, /*commit=*/true);

  world.Do(HangEvent{
      Hang({Sign(0, absl::Seconds(1), 41), Sign(1, absl::Seconds(2), 40)})});

  EXPECT_EQ(Attempt1(world).state(), v1::Attempt::DRAINING);
  // Nothing is waited for.
  EXPECT_THAT(world.Effects(), ElementsAre("stop jobs/a/1 without grace"));
  ASSERT_EQ(world.events().size(), 1u);
  EXPECT_EQ(world.events()[0].type(), "HANG_DETECTED");
  EXPECT_EQ(world.events()[0].severity(), v1::Event::ERROR);

  world.RanksEnded("a", 1, 1);

  EXPECT_EQ(Attempt1(world).end_cause(), v1::Attempt::HANG);
  EXPECT_EQ(Attempt1(world).end_message(),
            "rank 1 (cpu:1 on here) holds the others up after step 12 "
            "for 31s, at collective 40, all-reduce of 64 bytes, pending; rank "
            "0 is at collective 41, all-reduce of 64 bytes, pending");
  EXPECT_EQ(world.job("a").state(), v1::Job::QUEUED);
  EXPECT_EQ(world.job("a").restarts(), 1);
  world.Advance(absl::Seconds(1));
  EXPECT_EQ(world.job("a").attempts(1).resume_step(), 10);
}

TEST(StepHangTest, ASilentRankIsNamedBeforeOneThatIsBehind) {
  StepWorld world(2);
  world.RunAttempt1("a", 2);
  world.Do(HangEvent{
      Hang({Sign(0, absl::Seconds(30), 41), Sign(1, absl::Seconds(2), 40)})});
  world.RanksEnded("a", 1, 1);
  EXPECT_THAT(Attempt1(world).end_message(),
              HasSubstr("rank 0 (cpu:0 on here) has said nothing for 30s "
                        "after step 12, last at collective 41"));
}

TEST(StepHangTest, WhenNobodyIsBehindNobodyIsNamed) {
  StepWorld world(2);
  world.RunAttempt1("a", 2);
  world.Do(HangEvent{
      Hang({Sign(0, absl::Seconds(1), 41), Sign(1, absl::Seconds(2), 41)})});
  world.RanksEnded("a", 1, 1);
  EXPECT_THAT(Attempt1(world).end_message(),
              AllOf(HasSubstr("no step after step 12 for 31s, at most 30s is "
                              "allowed; no rank is behind the others"),
                    HasSubstr("collective 41")));
}

TEST(StepHangTest, ASupervisorThatDoesNotKillIsKilled) {
  StepWorld world(2);
  world.RunAttempt1("a", 2);
  world.Do(HangEvent{Hang({Sign(0, absl::Seconds(31), 1)})});
  world.Advance(world.options().kill_after_grace);
  EXPECT_THAT(world.Effects(), ElementsAre("kill jobs/a/1"));
}

TEST(StepHangTest, TheVerdictOutlivesARestart) {
  StepWorld world(2);
  world.RunAttempt1("a", 2);
  world.Do(HangEvent{Hang({Sign(0, absl::Seconds(31), 1)})});

  world.Restart();

  EXPECT_THAT(world.Effects(), Contains("stop jobs/a/1 without grace"));
  world.RanksEnded("a", 1, 1);
  EXPECT_EQ(Attempt1(world).end_cause(), v1::Attempt::HANG);
  EXPECT_THAT(Attempt1(world).end_message(), HasSubstr("rank 0 (cpu:0"));
}

// Its devices did nothing since.
TEST(StepHangTest, TheTimeItStoodIsIdle) {
  StepWorld world(2);
  world.RunAttempt1("a", 2);
  world.Advance(absl::Seconds(10));
  world.Checkpoint("a", 1, 10, /*commit=*/true);
  world.Advance(absl::Seconds(31));
  world.Do(HangEvent{Hang({Sign(0, absl::Seconds(31), 1)})});
  world.Advance(absl::Seconds(2));
  world.RanksEnded("a", 1, 1);
  EXPECT_THAT(world.Shares("a"), ElementsAre("TRAIN  10s", "IDLE HANG 33s"));
}

TEST(StepHangTest, WhatIsBeingStoppedHasAnotherDeadline) {
  StepWorld world(2);
  world.RunAttempt1("a", 2);
  world.Cancel("a");
  world.Do(HangEvent{Hang({Sign(0, absl::Seconds(31), 1)})});
  world.Do(SilenceEvent{
      {.attempt = {"jobs/a", 1}, .rank = Sign(0, absl::Seconds(10), 1)}});
  EXPECT_THAT(world.Effects(), IsEmpty());
  EXPECT_THAT(world.events(), IsEmpty());
  world.RanksEnded("a", 1, 1);
  EXPECT_EQ(Attempt1(world).end_cause(), v1::Attempt::CANCELLED);
}

TEST(StepHangTest, AnEndedAttemptIsNotJudged) {
  StepWorld world(2);
  world.RunAttempt1("a", 2);
  world.Do(HangEvent{Hang({Sign(0, absl::Seconds(31), 1)}, /*attempt=*/7)});
  world.Do(SilenceEvent{
      {.attempt = {"jobs/b", 1}, .rank = Sign(0, absl::Seconds(10), 1)}});
  EXPECT_THAT(world.Effects(), IsEmpty());
  EXPECT_THAT(world.events(), IsEmpty());
}

TEST(StepHangTest, SilenceIsToldAndEndsNothing) {
  StepWorld world(2);
  world.RunAttempt1("a", 2);
  const SilenceFound silence{.attempt = {"jobs/a", 1},
                             .rank = Sign(1, absl::Seconds(10), 1)};
  world.Do(SilenceEvent{silence});
  ASSERT_EQ(world.events().size(), 1u);
  EXPECT_EQ(world.events()[0].type(), "RANK_SILENT");
  EXPECT_EQ(world.events()[0].severity(), v1::Event::WARNING);
  EXPECT_EQ(world.events()[0].message(),
            "rank 1 (cpu:1 on here) has said nothing for 10s");
  EXPECT_THAT(world.Effects(), IsEmpty());

  SilenceFound heard = silence;
  heard.over = true;
  world.Do(SilenceEvent{heard});
  EXPECT_EQ(world.events()[0].type(), "RANK_HEARD");
  EXPECT_EQ(world.job("a").state(), v1::Job::RUNNING);
}

TEST(StepHangTest, WhatARankToldBeforeItStoodSaysMore) {
  StepWorld world(2);
  world.RunAttempt1("a", 2);
  world.Failed("a", 1, 1, v1::Attempt::GPU_FAULT, "Xid 79");
  world.Do(HangEvent{
      Hang({Sign(0, absl::Seconds(1), 41), Sign(1, absl::Seconds(31), 40)})});
  world.RanksEnded("a", 1, 1);
  EXPECT_EQ(Attempt1(world).end_cause(), v1::Attempt::GPU_FAULT);
  EXPECT_THAT(Attempt1(world).end_message(), HasSubstr("Xid 79"));
  bool excluded = false;
  for (const v1::Event& event : world.events()) {
    excluded |= event.type() == "DEVICE_EXCLUDED";
  }
  EXPECT_TRUE(excluded);
}

}  // namespace
}  // namespace lockstep
