// Labels, which may change at any time.

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

TEST_F(StepUpdateTest, WhatDoesNotExistIsNotFound) {
  EXPECT_EQ(ErrorReason(world_.answer(world_.Update({.name = "jobs/none"}))),
            "JOB_NOT_FOUND");
}

}  // namespace
}  // namespace lockstep
