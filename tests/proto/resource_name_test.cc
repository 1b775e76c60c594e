#include "proto/contract/resource_name.h"

#include <string>

#include "gtest/gtest.h"
#include "proto/contract/errors.h"

namespace lockstep {
namespace {

TEST(ResourceNameTest, IdsAreLowerCaseLettersDigitsAndInnerHyphens) {
  for (const char* id : {"a", "qwen3-4b", "a1"}) {
    EXPECT_TRUE(IsValidJobId(id)) << id;
  }
  EXPECT_TRUE(IsValidJobId(std::string(63, 'a')));
  for (const char* id : {"", "1a", "-a", "a-", "A", "a_b", "a/b", "a b", "ä"}) {
    EXPECT_FALSE(IsValidJobId(id)) << id;
  }
  EXPECT_FALSE(IsValidJobId(std::string(64, 'a')));
}

TEST(ResourceNameTest, NamesNest) {
  EXPECT_EQ(JobName("a"), "jobs/a");
  EXPECT_EQ(AttemptName("a", 2), "jobs/a/attempts/2");
  EXPECT_EQ(CheckpointName("a", 500), "jobs/a/checkpoints/500");
}

TEST(ResourceNameTest, TheIdComesBackFromTheName) {
  const absl::StatusOr<std::string> id = JobIdFromName("jobs/qwen");
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(*id, "qwen");
}

TEST(ResourceNameTest, OtherNamesAreRefused) {
  for (const char* name : {"", "qwen", "jobs/", "jobs/A", "jobs/a/attempts/1",
                           "nodes/a", "jobs/../x"}) {
    EXPECT_EQ(ErrorReason(JobIdFromName(name).status()), "INVALID_NAME")
        << name;
  }
}

TEST(ResourceNameTest, ACheckpointHasOneName) {
  const auto ref = ParseCheckpointName("jobs/demo/checkpoints/40");
  ASSERT_TRUE(ref.ok()) << ref.status();
  EXPECT_EQ(ref->job, "jobs/demo");
  EXPECT_EQ(ref->step, 40);
  for (const char* bad :
       {"", "jobs/demo", "jobs/demo/checkpoints/", "jobs/demo/checkpoints/0",
        "jobs/demo/checkpoints/-1", "jobs/demo/checkpoints/040",
        "jobs/demo/checkpoints/4x", "demo/checkpoints/4", "jobs/demo/steps/4",
        "jobs/demo/checkpoints/99999999999999999999"}) {
    EXPECT_EQ(ErrorReason(ParseCheckpointName(bad).status()), "INVALID_NAME")
        << bad;
  }
}

TEST(ResourceNameTest, AQueueIsSpeltAsAJob) {
  EXPECT_EQ(QueueName("research"), "queues/research");
  EXPECT_EQ(QueueIdFromName("queues/research"), "research");
  for (const char* bad : {"", "research", "queues/", "queues/A", "jobs/a"}) {
    EXPECT_EQ(QueueIdFromName(bad), "") << bad;
  }
}

}  // namespace
}  // namespace lockstep
