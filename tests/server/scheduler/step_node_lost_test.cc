// Hosts that are lost where an engine places attempts, and those that only seem
// to be.

#include "absl/algorithm/container.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/exit_code.h"
#include "server/scheduler/rank_watch.h"
#include "tests/server/scheduler/step_engine_fixture.h"

namespace lockstep {
namespace {

using ::lockstep::testing::kFirst;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class StepNodeLostTest : public ::lockstep::testing::StepEngineFixture {};

TEST_F(StepNodeLostTest, AHostThatIsSilentWhileOthersSpeakIsLostAndAvoided) {
  Train();
  Silent(2);
  EXPECT_EQ(attempt().state(), v1::Attempt::RUNNING);
  Silent(3);
  EXPECT_EQ(attempt().state(), v1::Attempt::RUNNING);
  PassAHeartbeat();
  EXPECT_THAT(EventTypes(), Contains("NODE_LOST"));
  EXPECT_THAT(world_.Effects(), Contains("stop jobs/a/1"));

  world_.Restart();
  world_.AttachedFrom("a", "n1", 0, 2, /*ended=*/true, kPeerLost);

  EXPECT_EQ(attempt().end_cause(), v1::Attempt::NODE_LOST);
  EXPECT_THAT(attempt().end_message(), HasSubstr("node n2 is lost"));
  EXPECT_EQ(world_.job("a").restarts(), 0);
  world_.Advance(absl::Minutes(1));
  EXPECT_THAT(Launched().avoid_nodes, ElementsAre("n2"));
}

// From its last word, which a rank may say just before.
TEST_F(StepNodeLostTest, OverTheNetworkALossIsSeenWithinTenSeconds) {
  SchedulerOptions& options = world_.options();
  options.heartbeat_interval = kNetworkHeartbeat;
  world_.Restart();
  Train();
  RankWatch watch(options);
  watch.Open(kFirst, attempt().ranks_size(), world_.now());
  const absl::Duration died = world_.now();
  const auto others_speak = [&] {
    for (const int rank : {0, 1}) {
      worker::v1::HeartbeatRequest heartbeat;
      heartbeat.mutable_caller()->set_job(kFirst.job);
      heartbeat.mutable_caller()->set_attempt(kFirst.attempt);
      heartbeat.mutable_caller()->set_rank(rank);
      watch.Hear(heartbeat, world_.now());
    }
  };

  bool lost = false;
  while (!lost && world_.now() < died + absl::Seconds(30)) {
    world_.Advance(options.tick);
    lost = absl::c_linear_search(EventTypes(), "NODE_LOST");
    others_speak();
    for (const WatchFinding& found : watch.Look(world_.now())) {
      world_.Do(SilenceEvent{std::get<SilenceFound>(found)});
    }
  }

  ASSERT_TRUE(lost);
  EXPECT_GE(world_.now() - died,
            SilenceOf(options) + options.heartbeat_interval);
  EXPECT_LE(world_.now() - died, absl::Seconds(8));
}

TEST_F(StepNodeLostTest, TheOthersOfALostHostAreNotWaitedForForEver) {
  Train();
  Silent(2);
  Silent(3);
  PassAHeartbeat();

  world_.Advance(world_.options().stop_grace +
                 world_.options().kill_after_grace);

  EXPECT_EQ(attempt().end_cause(), v1::Attempt::NODE_LOST);
}

// As when its power fails: the others notice first.
TEST_F(StepNodeLostTest, AHostThatIsLostWhileTheOthersStopIsNamed) {
  Train();
  world_.AttachedFrom("a", "n1", 0, 2, /*ended=*/true, kPeerLost);
  EXPECT_EQ(attempt().state(), v1::Attempt::DRAINING);

  for (const int rank : {0, 1, 2, 3}) Silent(rank);
  PassAHeartbeat();

  EXPECT_EQ(attempt().end_cause(), v1::Attempt::NODE_LOST);
  EXPECT_THAT(world_.record("a").processes(1).avoid_nodes(), ElementsAre("n2"));
}

TEST_F(StepNodeLostTest, AHostThatDoesNotTellItsEndWhileTheOthersDoIsLost) {
  Train();
  world_.AttachedFrom("a", "n1", 0, 2, /*ended=*/true, kPeerLost);

  world_.Advance(absl::Seconds(14));
  EXPECT_EQ(world_.job("a").state(), v1::Job::RUNNING);
  world_.Advance(absl::Seconds(1));

  EXPECT_EQ(attempt().end_cause(), v1::Attempt::NODE_LOST);
  EXPECT_THAT(attempt().end_message(), HasSubstr("node n2 is lost"));
}

TEST_F(StepNodeLostTest, ACancelDoesNotWaitForALostHost) {
  Train();
  world_.Cancel("a");
  world_.AttachedFrom("a", "n1", 0, 2, /*ended=*/true, kStopped);
  Silent(2);
  Silent(3);
  PassAHeartbeat();

  EXPECT_EQ(world_.job("a").state(), v1::Job::CANCELLED);
}

TEST_F(StepNodeLostTest, ACancelDoesNotWaitForAHostThatNeverCame) {
  Start();
  world_.AttachedFrom("a", "n1", 0, 2, /*ended=*/false);
  world_.Cancel("a");
  world_.AttachedFrom("a", "n1", 0, 2, /*ended=*/true, kStopped);
  EXPECT_EQ(world_.job("a").state(), v1::Job::CANCELLING);

  world_.Advance(world_.options().stop_grace +
                 world_.options().kill_after_grace);

  EXPECT_EQ(world_.job("a").state(), v1::Job::CANCELLED);
}

TEST_F(StepNodeLostTest, OneThatSpeaksAgainIsNotLost) {
  Train();
  Silent(2);
  Silent(3);
  Silent(2, /*over=*/true);
  PassAHeartbeat();

  EXPECT_EQ(attempt().state(), v1::Attempt::RUNNING);
}

TEST_F(StepNodeLostTest, WhenNobodySpeaksItMayBeThisHost) {
  Train();
  for (const int rank : {0, 1, 2, 3}) Silent(rank);
  PassAHeartbeat();
  EXPECT_EQ(attempt().state(), v1::Attempt::RUNNING);

  world_.Do(HangEvent{{.attempt = kFirst, .step = 1}});
  world_.Advance(world_.options().kill_after_grace);

  EXPECT_EQ(attempt().end_cause(), v1::Attempt::NODE_LOST);
  // Then no host is to blame.
  EXPECT_THAT(EventTypes(), Not(Contains("NODE_AVOIDED")));
  ASSERT_EQ(world_.job("a").attempt(), 2);
  EXPECT_THAT(Launched().avoid_nodes, IsEmpty());
}

TEST_F(StepNodeLostTest, AHostThatHeedsItsStopSlowlyIsNotLost) {
  Train();
  world_.AttachedFrom("a", "n1", 0, 2, /*ended=*/true, kFailure);

  // The second order leaves its supervisor less than a save takes.
  EXPECT_THAT(world_.Effects(), Contains("stop jobs/a/1").Times(2));
}

TEST_F(StepNodeLostTest, ANodeWithABadGpuIsAvoidedByItsJobAlone) {
  Train();
  world_.Failed("a", 1, 3, v1::Attempt::GPU_FAULT, "Xid 79");
  world_.AttachedFrom("a", "n1", 0, 2, /*ended=*/true, kPeerLost);
  world_.AttachedFrom("a", "n2", 2, 2, /*ended=*/true, kFailure);

  EXPECT_THAT(EventTypes(), AllOf(Contains("NODE_AVOIDED"),
                                  Not(Contains("DEVICE_EXCLUDED"))));
  EXPECT_THAT(world_.record("a").processes(1).avoid_nodes(), ElementsAre("n2"));
}

}  // namespace
}  // namespace lockstep
