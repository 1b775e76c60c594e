// Who asked: it is in the journal, and it decides whose jobs may be changed.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep::testing {
namespace {

using ::testing::Each;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Property;
using ::testing::SizeIs;

class StepActorTest : public ::testing::Test {
 protected:
  // Every change of the job "a" that may be asked for, each by its event.
  std::vector<decltype(Event::what)> Changes() {
    UpdateEvent update;
    update.request.name = "jobs/a";
    update.request.priority = v1::ResourceSpec::PRIORITY_HIGH;
    return {CancelEvent{0, "jobs/a"}, PauseEvent{0, "jobs/a"},
            ResumeEvent{0, "jobs/a"}, DeleteEvent{0, "jobs/a"},
            PinEvent{0, "jobs/a", 1}, update};
  }

  // What became of it, and who did it.
  std::string Ask(const std::string& who, decltype(Event::what) what) {
    const Ticket ticket =
        world_.DoAs({who, /*owns_all=*/false}, std::move(what));
    return ErrorReason(world_.answer(ticket));
  }

  StepWorld world_{/*cpu_slots=*/2};
};

TEST_F(StepActorTest, NobodyChangesAnothersJob) {
  world_.CreateAs("alice", "a");
  const v1::Job before = world_.job("a");

  for (const auto& change : Changes()) {
    EXPECT_EQ(Ask("bob", change), "NOT_JOB_OWNER") << change.index();
    EXPECT_THAT(world_.events(), IsEmpty());
  }

  EXPECT_EQ(world_.job("a").etag(), before.etag());
  EXPECT_EQ(world_.job("a").state(), before.state());
}

// Else it would tell whether an etag was guessed.
TEST_F(StepActorTest, WhoseItIsComesBeforeWhichOneItIs) {
  world_.CreateAs("alice", "a");
  EXPECT_EQ(Ask("bob", CancelEvent{0, "jobs/a", "1-00000000"}),
            "NOT_JOB_OWNER");
  EXPECT_EQ(Ask("alice", CancelEvent{0, "jobs/a", "1-00000000"}),
            "ETAG_MISMATCH");
  EXPECT_EQ(Ask("bob", CancelEvent{0, "jobs/b"}), "JOB_NOT_FOUND");
}

TEST_F(StepActorTest, TheOwnerAndAnAdminMay) {
  world_.CreateAs("alice", "a");
  EXPECT_EQ(Ask("alice", PauseEvent{0, "jobs/a"}), "");
  const Ticket ticket = world_.DoAs({"root"}, ResumeEvent{0, "jobs/a"});
  EXPECT_TRUE(world_.answer(ticket).ok());
}

TEST_F(StepActorTest, WhatSomebodyAskedForBearsTheirName) {
  world_.CreateAs("alice", "a");
  EXPECT_EQ(world_.events()[0].type(), "JOB_CREATED");
  EXPECT_EQ(world_.events()[0].actor(), "alice");
  for (const auto& change : {decltype(Event::what)(PauseEvent{0, "jobs/a"}),
                             decltype(Event::what)(ResumeEvent{0, "jobs/a"}),
                             decltype(Event::what)(CancelEvent{0, "jobs/a"})}) {
    world_.DoAs({"root"}, change);
    ASSERT_THAT(world_.events(), Not(IsEmpty()));
    EXPECT_EQ(world_.events()[0].actor(), "root");
  }
}

TEST_F(StepActorTest, ADrainBearsANameOnEachJobThatItStops) {
  world_.RunAttempt1("a", 1);
  world_.RunAttempt1("b", 1);
  world_.DoAs({"root"}, DrainEvent{});
  EXPECT_THAT(world_.events(), SizeIs(2));
  EXPECT_THAT(world_.events(), Each(Property(&v1::Event::actor, "root")));
}

// A device that a cancelled job leaves goes to the next one: that, nobody asked
// for.
TEST_F(StepActorTest, WhatFollowsByItselfBearsNone) {
  world_.RunAttempt1("a", 2);
  world_.Create("b", 2);
  world_.Prepare("b");
  world_.DoAs({"root"}, CancelEvent{0, "jobs/a"});
  world_.RanksEnded("a", 1, 0);
  ASSERT_EQ(world_.job("b").state(), v1::Job::STARTING);
  EXPECT_THAT(world_.events(), Each(Property(&v1::Event::actor, "")));
}

TEST_F(StepActorTest, WhoCancelsBeforeItRunsDoesNotStartTheNext) {
  world_.options().concurrent_prepares = 1;
  world_.CreateAs("alice", "a");
  world_.Create("b", 1);
  world_.DoAs({"alice", false}, CancelEvent{0, "jobs/a"});
  world_.ProcessEnded({"jobs/a", 0}, 0, 15);
  for (const v1::Event& event : world_.events()) {
    if (event.job() != "jobs/b") continue;
    EXPECT_EQ(event.actor(), "");
  }
}

}  // namespace
}  // namespace lockstep::testing
