// Why a job is where it is, in every state.

#include "server/scheduler/explain.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "proto/contract/exit_code.h"
#include "server/scheduler/proto_time.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep {
namespace {

using ::lockstep::testing::StepWorld;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ExplainTest : public ::testing::Test {
 protected:
  v1::JobExplanation Explain(const std::string& id) {
    const absl::StatusOr<v1::JobExplanation> explanation = world_.Explain(id);
    EXPECT_TRUE(explanation.ok()) << explanation.status();
    EXPECT_EQ(explanation->job(), "jobs/" + id);
    EXPECT_EQ(explanation->state(), world_.job(id).state());
    return *explanation;
  }
  std::string Message(const std::string& id) { return Explain(id).message(); }

  void Queue(const std::string& id, int ranks) {
    world_.Create(id, ranks);
    world_.Prepare(id);
  }
  // At step 10 of 40, with 100 tokens a step, of which it trains 50 a second:
  // it needs another minute.
  void TrainAtSomeSpeed(const std::string& id) {
    v1::Progress progress;
    progress.set_step(10);
    progress.set_steps_planned(40);
    progress.set_tokens_seen(1000);
    progress.set_tokens_per_second(50);
    world_.Progress(id, 1, progress);
  }

  StepWorld world_{4};
};

TEST_F(ExplainTest, WhatDoesNotExistIsNotFound) {
  EXPECT_EQ(ErrorReason(world_.Explain("a").status()), "JOB_NOT_FOUND");
}

TEST_F(ExplainTest, TheFirstInLineWaitsForHoldersToEnd) {
  world_.RunAttempt1("a", 1);
  world_.RunAttempt1("b", 2);
  TrainAtSomeSpeed("b");
  Queue("c", 3);

  const v1::JobExplanation c = Explain("c");
  EXPECT_EQ(c.pending_reason(), v1::Job::CAPACITY);
  EXPECT_EQ(c.position(), 1);
  EXPECT_THAT(c.ahead(), IsEmpty());
  EXPECT_EQ(c.devices_wanted(), 3);
  EXPECT_EQ(c.devices_free(), 1);
  EXPECT_EQ(c.devices_unavailable(), 0);
  EXPECT_EQ(c.devices_total(), 4);
  // Whoever ends first comes first; of the other it is not known.
  ASSERT_THAT(c.holders(), SizeIs(2));
  EXPECT_EQ(c.holders(0).job(), "jobs/b");
  EXPECT_EQ(c.holders(0).devices(), 2);
  EXPECT_EQ(c.holders(0).priority(), v1::ResourceSpec::PRIORITY_NORMAL);
  EXPECT_EQ(FromProto(c.holders(0).expected_end_time()),
            world_.wall() + absl::Minutes(1));
  EXPECT_EQ(c.holders(1).job(), "jobs/a");
  EXPECT_FALSE(c.holders(1).has_expected_end_time());
  EXPECT_EQ(FromProto(c.earliest_start_time()),
            world_.wall() + absl::Minutes(1));
  EXPECT_EQ(c.message(),
            "jobs/c waits for 3 cpu devices. It is the first in line. Of 4, 1 "
            "is free; jobs/b has 2 until "
            "about 1970-01-01 00:17:40 UTC, jobs/a has 1. It may start at "
            "1970-01-01 00:17:40 UTC at the earliest.");
}

TEST_F(ExplainTest, ThoseBehindKnowWhoGoesFirst) {
  world_.RunAttempt1("a", 4);
  TrainAtSomeSpeed("a");
  Queue("b", 2);
  Queue("c", 2);
  Queue("d", 1);

  EXPECT_TRUE(Explain("c").has_earliest_start_time());
  const v1::JobExplanation d = Explain("d");
  EXPECT_EQ(d.pending_reason(), v1::Job::PRIORITY);
  EXPECT_EQ(d.position(), 3);
  EXPECT_THAT(d.ahead(), ElementsAre("jobs/b", "jobs/c"));
  // Those before it take all that becomes free, and for how long nobody knows.
  EXPECT_FALSE(d.has_earliest_start_time());
  EXPECT_THAT(d.message(),
              AllOf(HasSubstr("number 3 in line, behind jobs/b, jobs/c."),
                    HasSubstr("When it may start is not known.")));
}

TEST_F(ExplainTest, NoMoreThanTwentyAreNamed) {
  world_.RunAttempt1("a", 4);
  for (int i = 0; i < 30; ++i) Queue("b" + std::to_string(i), 1);
  const v1::JobExplanation last = Explain("b29");
  EXPECT_EQ(last.position(), 30);
  EXPECT_THAT(last.ahead(), SizeIs(20));
  EXPECT_THAT(last.message(), HasSubstr("jobs/b0, jobs/b1, jobs/b2, 26 more."));
}

TEST(ExplainManyTest, HoldersThatAreNotListedAreCounted) {
  StepWorld world(25);
  for (int i = 0; i < 25; ++i) world.RunAttempt1("a" + std::to_string(i), 1);
  world.Create("b", 1);
  world.Prepare("b");
  const absl::StatusOr<v1::JobExplanation> b = world.Explain("b");
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_THAT(b->holders(), SizeIs(20));
  EXPECT_THAT(b->message(), HasSubstr(", 22 more."));
}

TEST_F(ExplainTest, DevicesThatOthersUseAreToldApart) {
  Queue("a", 4);
  world_.RanksEnded("a", 1, kFailure);
  world_.OthersUse({{"cpu:3", "processes of others"}});
  world_.Advance(absl::Seconds(2));
  const v1::JobExplanation a = Explain("a");
  EXPECT_EQ(a.devices_free(), 3);
  EXPECT_EQ(a.devices_unavailable(), 1);
  EXPECT_FALSE(a.has_earliest_start_time());
  EXPECT_THAT(a.message(), HasSubstr("Of 4, 3 are free, 1 is kept from it "
                                     "(used by processes that are not"));
}

TEST_F(ExplainTest, WhoGivesWayIsTold) {
  v1::JobSpec spec;
  spec.mutable_resources()->set_ranks(3);
  spec.mutable_resources()->set_preemptible(true);
  world_.Create("a", spec);
  world_.Prepare("a");
  world_.Train("a", 1);
  Queue("b", 4);
  ASSERT_THAT(Explain("b").holders(), SizeIs(1));
  EXPECT_FALSE(Explain("b").holders(0).gives_way());
  spec.mutable_resources()->set_priority(v1::ResourceSpec::PRIORITY_HIGH);
  spec.mutable_resources()->set_ranks(2);
  world_.Create("c", spec);
  world_.Prepare("c");
  const v1::JobExplanation c = Explain("c");
  EXPECT_TRUE(c.holders(0).gives_way());
  EXPECT_EQ(FromProto(c.earliest_start_time()),
            world_.wall() + world_.options().drain_grace);
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_THAT(Message("a"), HasSubstr("gave its devices to jobs/c"));
}

TEST_F(ExplainTest, APauseAfterAFailureHasAnEnd) {
  world_.RunAttempt1("a", 1);
  world_.RanksEnded("a", 1, kFailure);
  const v1::JobExplanation a = Explain("a");
  EXPECT_EQ(a.pending_reason(), v1::Job::BACKOFF);
  EXPECT_EQ(a.position(), 0);
  EXPECT_EQ(FromProto(a.earliest_start_time()),
            world_.wall() + absl::Seconds(1));
  EXPECT_THAT(a.message(), HasSubstr("waits for BACKOFF: attempt 1 failed"));
}

TEST_F(ExplainTest, AJobThatFailsTooOftenKnowsTheHourThatItWaitsFor) {
  world_.options().starts_per_hour = 1;
  world_.Restart();
  world_.RunAttempt1("a", 1);
  const absl::Time began = world_.wall();
  world_.Advance(absl::Minutes(5));
  world_.RanksEnded("a", 1, kFailure);
  const v1::JobExplanation a = Explain("a");
  EXPECT_EQ(a.pending_reason(), v1::Job::BACKOFF);
  EXPECT_EQ(FromProto(a.earliest_start_time()), began + absl::Hours(1));
  EXPECT_THAT(a.message(),
              AllOf(HasSubstr("as only 1 that fail may begin within an hour"),
                    HasSubstr("It may start at 1970-01-01 01:16:40 UTC")));
}

TEST_F(ExplainTest, ADrainHasNoKnownEnd) {
  Queue("a", 1);
  world_.RanksEnded("a", 1, kFailure);
  world_.Drain();
  world_.Advance(absl::Minutes(1));
  const v1::JobExplanation a = Explain("a");
  EXPECT_EQ(a.pending_reason(), v1::Job::DRAINING);
  EXPECT_FALSE(a.has_earliest_start_time());
  EXPECT_THAT(a.message(), HasSubstr("the coordinator is drained"));
}

TEST_F(ExplainTest, OneThatIsNotPreparedKnowsItsPlace) {
  for (const char* id : {"a", "b", "c", "d"}) world_.Create(id, 1);
  EXPECT_EQ(Message("a"),
            "jobs/a is being prepared: its input is checked and tokenised.");
  EXPECT_EQ(Message("d"),
            "jobs/d waits for PREPARATION: its input is not prepared yet. 2 "
            "are being prepared now, and 1 goes before it.");
}

TEST_F(ExplainTest, WhatRunsSaysHowFarItIs) {
  Queue("a", 2);
  EXPECT_EQ(Message("a"),
            "jobs/a is being started since 1970-01-01 00:16:40 UTC, attempt 1, "
            "on 2 cpu devices.");
  world_.Launched({"jobs/a", 1});
  world_.Joined("a", 1);
  world_.Progress("a", 1, 7);
  EXPECT_EQ(Message("a"),
            "jobs/a trains since 1970-01-01 00:16:40 UTC, attempt 1, on 2 cpu "
            "devices; step 7 of 40 is done.");
  world_.Drain();
  EXPECT_THAT(Message("a"), HasSubstr("; it is being stopped: the coordinator "
                                      "was drained."));
}

TEST_F(ExplainTest, WhatIsBeingStoppedIsGoneByItsDeadline) {
  world_.RunAttempt1("a", 4);
  Queue("b", 4);
  world_.Pause("a");
  EXPECT_EQ(FromProto(Explain("b").earliest_start_time()),
            world_.wall() + world_.options().drain_grace);
}

TEST_F(ExplainTest, APauseIsExplained) {
  world_.RunAttempt1("a", 1);
  world_.Checkpoint("a", 1, 7, true);
  world_.Pause("a");
  EXPECT_THAT(Message("a"), HasSubstr("is being paused"));
  world_.Resume("a");
  EXPECT_THAT(Message("a"), HasSubstr("then it waits again"));
  world_.Pause("a");
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(Message("a"),
            "jobs/a is paused and holds no device; when it is resumed, it goes "
            "on from step 7.");
}

TEST_F(ExplainTest, AnEndIsExplained) {
  world_.RunAttempt1("a", 1);
  world_.Cancel("a");
  EXPECT_THAT(Message("a"), HasSubstr("is being cancelled"));
  world_.RanksEnded("a", 1, kStopped);
  EXPECT_EQ(Message("a"), "jobs/a was cancelled at 1970-01-01 00:16:40 UTC.");
  world_.RunAttempt1("b", 1);
  world_.RanksEnded("b", 1, kOk);
  EXPECT_THAT(Message("b"), HasSubstr("trained to the end"));
  world_.RunAttempt1("c", 1);
  world_.RanksEnded("c", 1, kInvalidInput);
  EXPECT_THAT(Message("c"), HasSubstr(": INVALID_INPUT: rank 0 ended with "));
  EXPECT_EQ(Explain("c").devices_total(), 0);
}

}  // namespace
}  // namespace lockstep
