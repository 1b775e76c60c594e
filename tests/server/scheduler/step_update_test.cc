// Labels, which may change at any time, and priority, which may until the end.

#include <map>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "server/scheduler/step.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep {
namespace {

using ::lockstep::testing::StepWorld;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class StepUpdateTest : public ::testing::Test {
 protected:
  StepUpdateTest() { world_.Create("a", 1); }

  absl::Status Replace(const std::map<std::string, std::string>& labels) {
    return world_.answer(world_.Update(
        {.name = "jobs/a", .replace_all = true, .labels = labels}));
  }
  absl::Status Set(const std::vector<std::string>& keys,
                   const std::map<std::string, std::string>& labels) {
    return world_.answer(
        world_.Update({.name = "jobs/a", .keys = keys, .labels = labels}));
  }
  const auto& Labels() { return world_.job("a").labels(); }

  StepWorld world_{1};
};

TEST_F(StepUpdateTest, ReplacesAllLabels) {
  ASSERT_TRUE(Replace({{"team", "nlp"}, {"stage", "test"}}).ok());
  EXPECT_THAT(Labels(),
              UnorderedElementsAre(Pair("team", "nlp"), Pair("stage", "test")));
  ASSERT_EQ(world_.events().size(), 1u);
  EXPECT_EQ(world_.events()[0].type(), "LABELS_CHANGED");
  ASSERT_TRUE(Replace({}).ok());
  EXPECT_THAT(Labels(), IsEmpty());
}

TEST_F(StepUpdateTest, SetsAndRemovesSingleLabels) {
  ASSERT_TRUE(Replace({{"team", "nlp"}, {"stage", "test"}}).ok());
  ASSERT_TRUE(Set({"team", "stage"}, {{"team", "vision"}, {"x", "y"}}).ok());
  EXPECT_THAT(Labels(), ElementsAre(Pair("team", "vision")));
}

TEST_F(StepUpdateTest, WhatChangesNothingIsNoChange) {
  ASSERT_TRUE(Replace({{"team", "nlp"}}).ok());
  const std::string etag = world_.job("a").etag();
  ASSERT_TRUE(Set({"team"}, {{"team", "nlp"}}).ok());
  EXPECT_EQ(world_.job("a").etag(), etag);
  EXPECT_THAT(world_.events(), IsEmpty());
}

TEST_F(StepUpdateTest, AnEndedJobCanBeLabelled) {
  world_.LaunchFailed({"jobs/a", 0});
  ASSERT_TRUE(Set({"keep"}, {{"keep", "yes"}}).ok());
  EXPECT_THAT(Labels(), ElementsAre(Pair("keep", "yes")));
  EXPECT_EQ(world_.job("a").state(), v1::Job::FAILED);
}

TEST_F(StepUpdateTest, RefusesBadLabelsWhole) {
  const absl::Status bad =
      Replace({{"ok", "1"}, {"big", std::string(129, 'x')}});
  EXPECT_EQ(ErrorReason(bad), "INVALID_SPEC");
  ASSERT_EQ(ErrorViolations(bad).size(), 1u);
  EXPECT_EQ(ErrorViolations(bad)[0].field, "labels.big");
  EXPECT_THAT(Labels(), IsEmpty());
  // The limit holds for all labels together.
  std::map<std::string, std::string> many;
  for (int i = 0; i < 64; ++i) many[absl::StrCat("k", i)] = "v";
  ASSERT_TRUE(Replace(many).ok());
  EXPECT_EQ(ErrorReason(Set({"one-more"}, {{"one-more", "v"}})),
            "INVALID_SPEC");
}

class StepPriorityTest : public ::testing::Test {
 protected:
  absl::Status SetPriority(const std::string& id,
                           v1::ResourceSpec::Priority priority) {
    Scheduler::UpdateJob request{.name = "jobs/" + id};
    request.priority = priority;
    return world_.answer(world_.Update(std::move(request)));
  }
  // It waits for the one device.
  void Prepare(const std::string& id) {
    world_.Create(id, 1);
    world_.Launched({"jobs/" + id, 0});
    world_.Prepared(id);
    world_.ProcessEnded({"jobs/" + id, 0}, 0);
  }

  StepWorld world_{1};
};

TEST_F(StepPriorityTest, TheMoreUrgentStartFirstAndOfThoseTheOldest) {
  world_.RunAttempt1("a", 1);
  for (const char* id : {"b", "c", "d", "e"}) Prepare(id);
  ASSERT_TRUE(SetPriority("b", v1::ResourceSpec::PRIORITY_LOW).ok());
  ASSERT_EQ(world_.events().size(), 3u);
  EXPECT_EQ(world_.events()[0].type(), "PRIORITY_CHANGED");
  EXPECT_EQ(world_.events()[0].message(), "priority normal -> low");
  ASSERT_TRUE(SetPriority("d", v1::ResourceSpec::PRIORITY_HIGH).ok());
  ASSERT_TRUE(SetPriority("e", v1::ResourceSpec::PRIORITY_HIGH).ok());
  EXPECT_EQ(world_.job("d").pending_reason(), v1::Job::CAPACITY);
  EXPECT_EQ(world_.job("b").pending_reason(), v1::Job::PRIORITY);
  // One that runs is left alone.
  EXPECT_EQ(world_.job("a").state(), v1::Job::RUNNING);
  world_.Restart();

  std::string order;
  for (std::string running = "a"; order.size() < 4;) {
    world_.RanksEnded(running, 1, 0);
    for (const char* id : {"b", "c", "d", "e"}) {
      if (world_.job(id).state() == v1::Job::STARTING) running = id;
    }
    order += running;
  }
  EXPECT_EQ(order, "decb");
}

TEST_F(StepPriorityTest, TheMoreUrgentArePreparedFirst) {
  world_.options().concurrent_prepares = 1;
  world_.Restart();
  for (const char* id : {"a", "b", "c"}) world_.Create(id, 1);
  ASSERT_TRUE(SetPriority("c", v1::ResourceSpec::PRIORITY_HIGH).ok());
  world_.Launched({"jobs/a", 0});
  world_.Prepared("a");

  EXPECT_EQ(world_.job("c").state(), v1::Job::PREPARING);
  EXPECT_EQ(world_.job("b").state(), v1::Job::QUEUED);
}

TEST_F(StepPriorityTest, APriorityThatIsThereAlreadyIsNoChange) {
  world_.Create("a", 1);
  const std::string etag = world_.job("a").etag();
  ASSERT_TRUE(SetPriority("a", v1::ResourceSpec::PRIORITY_NORMAL).ok());
  EXPECT_EQ(world_.job("a").etag(), etag);
}

TEST_F(StepPriorityTest, AnEndedJobHasNoPriority) {
  world_.Create("a", 1);
  world_.LaunchFailed({"jobs/a", 0});
  const absl::Status refused =
      SetPriority("a", v1::ResourceSpec::PRIORITY_HIGH);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorReason(refused), "JOB_ENDED");
}

TEST_F(StepPriorityTest, RefusesWhatIsNoPriority) {
  world_.Create("a", 1);
  for (const int number : {0, 9}) {
    Scheduler::UpdateJob request{
        .name = "jobs/a", .replace_all = true, .labels = {{"x", "y"}}};
    request.priority = static_cast<v1::ResourceSpec::Priority>(number);
    const absl::Status bad = world_.answer(world_.Update(request));
    EXPECT_EQ(ErrorReason(bad), "INVALID_SPEC");
    ASSERT_EQ(ErrorViolations(bad).size(), 1u);
    EXPECT_EQ(ErrorViolations(bad)[0].field, "priority");
    EXPECT_THAT(ErrorViolations(bad)[0].description,
                HasSubstr("low, normal, high"));
  }
  // All or nothing.
  EXPECT_THAT(world_.job("a").labels(), IsEmpty());
}

TEST_F(StepUpdateTest, WhatDoesNotExistIsNotFound) {
  EXPECT_EQ(ErrorReason(world_.answer(world_.Update({.name = "jobs/none"}))),
            "JOB_NOT_FOUND");
}

}  // namespace
}  // namespace lockstep
