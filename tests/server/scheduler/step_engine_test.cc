// Attempts that an engine places: four ranks on two hosts.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "proto/contract/exit_code.h"
#include "server/scheduler/proto_time.h"
#include "tests/server/scheduler/step_engine_fixture.h"

namespace lockstep {
namespace {

using ::lockstep::testing::kFirst;
using ::lockstep::testing::StepEngineFixture;
using ::lockstep::testing::StepWorld;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class StepEngineTest : public StepEngineFixture {};

TEST_F(StepEngineTest, SlotsAreHeldAndPlacesAreLearnedLater) {
  Start();

  EXPECT_THAT(world_.Effects(), Contains("open jobs/a/1 for 4 later"));
  EXPECT_EQ(attempt().ranks(3).node(), "");
  EXPECT_EQ(attempt().ranks(3).device(), "");
  EXPECT_EQ(world_.record("a").processes(1).slots(3).device(), "slurm-cpu:3");
  ASSERT_EQ(Launched().ranks.size(), 4U);
  EXPECT_EQ(Launched().ranks[3].device(), "slurm-cpu:3");

  world_.AttachedFrom("a", "n2", 2, 2, /*ended=*/false);
  EXPECT_EQ(attempt().ranks(3).node(), "n2");
  EXPECT_EQ(attempt().ranks(0).node(), "");
}

TEST_F(StepEngineTest, WhyItWaitsIsShownUntilItBegins) {
  Start();

  world_.Says({.attempt = kFirst, .id = "7", .message = "waits for nodes"});
  EXPECT_EQ(attempt().engine_id(), "7");
  EXPECT_EQ(attempt().engine_message(), "waits for nodes");
  EXPECT_THAT(world_.Explain("a")->message(),
              HasSubstr("Slurm job 7: waits for nodes"));
  EXPECT_THAT(world_.Shares("a"), Not(Contains(HasSubstr("START"))));
  world_.Advance(absl::Seconds(100));
  EXPECT_EQ(world_.job("a").state(), v1::Job::STARTING);

  world_.Says({.attempt = kFirst, .id = "7", .started = true});
  EXPECT_THAT(world_.Effects(), ElementsAre("start the clock of jobs/a/1"));
  EXPECT_EQ(attempt().engine_message(), "");
  // Once.
  world_.Says({.attempt = kFirst, .id = "7", .started = true});
  EXPECT_THAT(world_.Effects(), IsEmpty());
}

TEST_F(StepEngineTest, AWorkersWordIsABeginToo) {
  Start();
  world_.AttachedFrom("a", "n1", 0, 2, /*ended=*/false);
  EXPECT_THAT(world_.Effects(), Contains("start the clock of jobs/a/1"));

  // That it waits, or is unknown, is news of yesterday.
  world_.Says({.attempt = kFirst, .message = "is held"});
  EXPECT_EQ(attempt().engine_message(), "");
  world_.Says({.attempt = kFirst, .gone = ProcessEnd{}});
  EXPECT_THAT(EventTypes(), Contains("ENGINE_LOST_JOB"));
  EXPECT_EQ(world_.job("a").state(), v1::Job::STARTING);
}

TEST_F(StepEngineTest, TheTimeLimitRunsFromTheBegin) {
  v1::JobSpec spec;
  spec.mutable_resources()->set_ranks(1);
  *spec.mutable_resources()->mutable_timeout() = ToProto(absl::Seconds(60));
  world_.Create("a", spec);
  world_.Prepare("a");
  world_.Advance(absl::Seconds(100));
  world_.Restart();
  world_.Advance(absl::Seconds(100));
  EXPECT_NE(attempt().state(), v1::Attempt::DRAINING);

  world_.Says({.attempt = kFirst, .started = true});
  world_.Advance(absl::Seconds(30));
  world_.Restart();
  world_.Advance(absl::Seconds(31));

  EXPECT_EQ(attempt().state(), v1::Attempt::DRAINING);
}

TEST_F(StepEngineTest, WhenItBeganTheEngineKnowsBest) {
  v1::JobSpec spec;
  spec.mutable_resources()->set_ranks(1);
  *spec.mutable_resources()->mutable_timeout() = ToProto(absl::Seconds(60));
  world_.Create("a", spec);
  world_.Prepare("a");
  const absl::Time submitted = world_.wall();
  world_.Advance(absl::Seconds(100));

  // Noticed late, as after a restart, and by a worker first.
  world_.AttachedFrom("a", "n1", 0, 1, /*ended=*/false);
  EXPECT_EQ(FromProto(world_.record("a").processes(1).engine_start_time()),
            world_.wall());
  world_.Says({.attempt = kFirst,
               .started = true,
               .start_time = world_.wall() - absl::Seconds(40)});
  EXPECT_THAT(EventTypes(), IsEmpty());
  // By another's clock it began later, or before it was submitted.
  world_.Says({.attempt = kFirst,
               .started = true,
               .start_time = world_.wall() + absl::Seconds(5)});
  EXPECT_EQ(FromProto(world_.record("a").processes(1).engine_start_time()),
            world_.wall() - absl::Seconds(40));
  world_.Advance(absl::Seconds(19));
  EXPECT_NE(attempt().state(), v1::Attempt::DRAINING);
  world_.Says(
      {.attempt = kFirst, .started = true, .start_time = absl::UnixEpoch()});
  EXPECT_EQ(FromProto(world_.record("a").processes(1).engine_start_time()),
            submitted);
  world_.Advance(absl::Milliseconds(1));

  EXPECT_EQ(attempt().state(), v1::Attempt::DRAINING);
}

TEST_F(StepEngineTest, SlotsOutliveARestart) {
  Train();

  world_.Restart();

  EXPECT_THAT(world_.Effects(), Contains("open jobs/a/1 for 4 joined"));
  EXPECT_EQ(world_.Explain("a")->devices_free(), 4);
}

TEST_F(StepEngineTest, AllHostsEndBeforeTheAttemptDoes) {
  Train();

  world_.AttachedFrom("a", "n2", 2, 2, /*ended=*/true);
  EXPECT_EQ(world_.job("a").state(), v1::Job::RUNNING);
  EXPECT_THAT(world_.Effects(), Not(Contains(HasSubstr("stop "))));

  world_.AttachedFrom("a", "n1", 0, 2, /*ended=*/true);
  EXPECT_EQ(world_.job("a").state(), v1::Job::SUCCEEDED);
}

TEST_F(StepEngineTest, TheOthersAreStoppedWhenTheRanksOfOneHostFail) {
  Train();

  world_.AttachedFrom("a", "n2", 2, 2, /*ended=*/true, kStorageFull);
  EXPECT_THAT(world_.Effects(), Contains("stop jobs/a/1"));
  world_.AttachedFrom("a", "n1", 0, 2, /*ended=*/true, kPeerLost);

  EXPECT_EQ(attempt().end_cause(), v1::Attempt::STORAGE_FULL);
}

TEST_F(StepEngineTest, WhyRanksWereStoppedFromOutsideTheEngineSays) {
  Train();
  world_.AttachedFrom("a", "n1", 0, 2, /*ended=*/true, kStopped);
  world_.AttachedFrom("a", "n2", 2, 2, /*ended=*/true, kStopped);
  EXPECT_EQ(world_.job("a").state(), v1::Job::RUNNING);

  EngineSays(v1::Attempt::PREEMPTED, "it made room");

  EXPECT_EQ(attempt().end_cause(), v1::Attempt::PREEMPTED);
  EXPECT_EQ(world_.job("a").state(), v1::Job::STARTING);
  EXPECT_EQ(world_.job("a").restarts(), 0);
}

TEST_F(StepEngineTest, ItsWordIsNotWaitedForForEver) {
  Train();
  world_.AttachedFrom("a", "n1", 0, 2, /*ended=*/true, kStopped);
  world_.AttachedFrom("a", "n2", 2, 2, /*ended=*/true, kStopped);

  world_.Advance(world_.options().engine_word - absl::Seconds(1));
  EXPECT_EQ(world_.job("a").state(), v1::Job::RUNNING);
  world_.Advance(absl::Seconds(1));

  EXPECT_EQ(attempt().end_cause(), v1::Attempt::ENGINE_ERROR);
}

TEST_F(StepEngineTest, SomebodysScancelIsNotUndone) {
  Train();

  EngineSays(v1::Attempt::ENGINE_ERROR, "cancelled, not by Lockstep", false);

  EXPECT_EQ(world_.job("a").state(), v1::Job::FAILED);
  EXPECT_THAT(world_.job("a").error().message(), HasSubstr("not by Lockstep"));
}

TEST_F(StepEngineTest, ARankThatSaidWhyKnowsMoreThanTheEngine) {
  Train();
  world_.Failed("a", 1, 2, v1::Attempt::NOT_FINITE, "loss is nan");

  EngineSays(v1::Attempt::NODE_LOST, "a node of it failed");

  EXPECT_EQ(attempt().end_cause(), v1::Attempt::NOT_FINITE);
}

TEST_F(StepEngineTest, APartOfTheRanksThatFinishedIsNoSuccess) {
  Train();
  ProcessEnd end{.attempt = kFirst,
                 .ranks = {},
                 .engine = EngineEnd{v1::Attempt::NODE_LOST, "a node failed"}};
  for (const int rank : {0, 1}) {
    worker::v1::RankProcess& process = end.ranks.emplace_back();
    process.set_rank(rank);
    process.set_exited(true);
  }
  world_.Do(ProcessEndEvent{end});

  EXPECT_EQ(attempt().end_cause(), v1::Attempt::NODE_LOST);
  // Of the host that left no word.
  EXPECT_THAT(world_.record("a").processes(1).avoid_nodes(), ElementsAre("n2"));
}

TEST_F(StepEngineTest, OneThatSlurmNeverHadIsTriedAgain) {
  Start();
  world_.Restart();

  world_.Says(
      {.attempt = kFirst, .gone = ProcessEnd{.attempt = kFirst, .ranks = {}}});

  EXPECT_EQ(attempt().end_cause(), v1::Attempt::LOST);
  EXPECT_EQ(world_.job("a").state(), v1::Job::QUEUED);
  EXPECT_EQ(world_.job("a").restarts(), 0);
}

TEST_F(StepEngineTest, OfOneThatIsGoneItsFilesSayHowItEnded) {
  Train();
  world_.Restart();
  EngineNews news{.attempt = kFirst,
                  .gone = ProcessEnd{.attempt = kFirst, .ranks = {}}};
  for (int rank = 0; rank < 4; ++rank) {
    worker::v1::RankProcess& process = news.gone->ranks.emplace_back();
    process.set_rank(rank);
    process.set_exited(true);
  }

  world_.Says(news);

  EXPECT_EQ(world_.job("a").state(), v1::Job::SUCCEEDED);
}

TEST_F(StepEngineTest, NothingIsSubmittedToASlurmThatDoesNotAnswer) {
  Start();
  world_.Do(EngineReachEvent{{"Unable to contact slurm controller"}});
  EXPECT_THAT(attempt().engine_message(), HasSubstr("does not answer"));
  world_.Create("b", 1);
  world_.Prepare("b");

  EXPECT_EQ(world_.job("b").state(), v1::Job::QUEUED);
  EXPECT_EQ(world_.job("b").pending_reason(), v1::Job::ENGINE_DOWN);
  EXPECT_THAT(world_.job("b").pending_message(),
              HasSubstr("Unable to contact"));
  world_.Do(EngineReachEvent{});
  EXPECT_EQ(world_.job("b").state(), v1::Job::STARTING);
}

TEST_F(StepEngineTest, WithoutAnEngineOneHostIsAllThereIs) {
  testing::StepWorld local(/*cpu_slots=*/4);
  v1::JobSpec spec;
  spec.mutable_resources()->set_ranks(4);
  spec.mutable_resources()->set_nodes(2);
  spec.mutable_resources()->mutable_slurm()->set_qos("low");

  const absl::Status refused = local.answer(local.Create("a", spec));

  EXPECT_EQ(ErrorReason(refused), "INVALID_SPEC");
  EXPECT_EQ(ErrorViolations(refused).size(), 2U);
  EXPECT_THAT(refused.message(),
              AllOf(HasSubstr("resources.nodes"), HasSubstr("2 is allowed only "
                                                            "where Slurm")));
}

}  // namespace
}  // namespace lockstep
