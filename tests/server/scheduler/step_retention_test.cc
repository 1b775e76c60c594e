// Jobs that ended long ago are forgotten when lockstepd is told to.

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/exit_code.h"
#include "server/scheduler/step.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep {
namespace {

using ::lockstep::testing::StepWorld;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::Duration kKeep = absl::Hours(24);

class StepRetentionTest : public ::testing::Test {
 protected:
  void Succeed(const std::string& id) {
    world_.RunAttempt1(id, 1);
    world_.RanksEnded(id, 1, kOk);
    ASSERT_EQ(world_.job(id).state(), v1::Job::SUCCEEDED);
  }

  StepWorld world_{2};
};

TEST_F(StepRetentionTest, WithoutAWordNothingIsForgotten) {
  Succeed("a");
  world_.Advance(10'000 * kKeep);
  EXPECT_THAT(world_.disk(), SizeIs(1));
}

TEST_F(StepRetentionTest, WhatEndedLongAgoIsForgottenAndWhatLivesStays) {
  world_.options().keep_ended = kKeep;
  world_.Restart();
  Succeed("old");
  const std::string uid = world_.job("old").uid();
  world_.Advance(absl::Hours(1));
  Succeed("young");
  world_.RunAttempt1("lives", 1);
  world_.Create("waits", 2);
  world_.Effects();

  world_.Advance(kKeep - absl::Hours(1) - absl::Milliseconds(1));
  EXPECT_THAT(world_.disk(), SizeIs(4));
  // It is looked for once a minute.
  world_.Advance(absl::Minutes(1));
  EXPECT_THAT(world_.disk(), SizeIs(3));
  EXPECT_THAT(world_.Effects(), ElementsAre("remove files of " + uid));
  ASSERT_THAT(world_.events(), SizeIs(1));
  EXPECT_EQ(world_.events()[0].type(), "JOB_DELETED");
  EXPECT_EQ(world_.events()[0].message(),
            "deleted, as it ended more than 24h ago (lockstepd --keep-jobs)");
}

TEST_F(StepRetentionTest, TimeThatTheCoordinatorWasAwayCounts) {
  Succeed("a");
  world_.options().keep_ended = kKeep;
  world_.Restart();
  world_.Advance(kKeep);
  EXPECT_THAT(world_.disk(), IsEmpty());
}

TEST_F(StepRetentionTest, ManyGoInSeveralCommits) {
  constexpr int kJobs = 25;
  // So that none is being prepared when it is cancelled.
  world_.options().concurrent_prepares = 0;
  world_.Restart();
  for (int i = 0; i < kJobs; ++i) {
    const std::string id = absl::StrCat("j", i);
    world_.Create(id, 1);
    world_.Cancel(id);
  }
  world_.options().keep_ended = kKeep;
  world_.Restart();
  world_.Advance(kKeep);
  EXPECT_THAT(world_.disk(), SizeIs(kJobs - 10));
  world_.Advance(absl::ZeroDuration());
  world_.Advance(absl::ZeroDuration());
  EXPECT_THAT(world_.disk(), IsEmpty());
}

}  // namespace
}  // namespace lockstep
