// The order of the line and what holds back whom; policy_property_test.cc has
// what holds in every line.

#include "server/scheduler/queue_policy.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::Duration kNever = absl::InfiniteDuration();

v1::Node NodeOf(const std::string& name, int cpus, int gpus = 0) {
  v1::Node node;
  node.set_name("nodes/" + name);
  for (int i = 0; i < cpus + gpus; ++i) {
    v1::Device& device = *node.add_devices();
    device.set_id(i < cpus ? absl::StrCat("cpu:", i)
                           : absl::StrCat("GPU-", i - cpus));
    device.set_kind(i < cpus ? v1::Device::CPU : v1::Device::CUDA);
  }
  return node;
}

WaitingJob Waiting(const std::string& name, int count,
                   v1::Device::Kind kind = v1::Device::CPU) {
  return {.name = name,
          .demand = {kind, count},
          .queue = "default",
          .owner = "local"};
}

// What a policy is asked: the oldest job first.
struct Question {
  std::vector<WaitingJob> jobs;
  DevicePool pool;
  FairShares shares = {};
  QueueUses uses = {};
  std::map<std::string, absl::Duration> left = {};

  std::vector<SchedulingDecision> Ask(bool backfill = true) const {
    WaitingLine line;
    int64_t order = 0;
    for (WaitingJob job : jobs) {
      job.order = order++;
      line.Add(std::move(job));
    }
    const auto time_left = [&](const std::string& job) {
      const auto found = left.find(job);
      return found == left.end() ? kNever : found->second;
    };
    return QueuePolicy(backfill).Decide({.line = line,
                                         .pool = pool,
                                         .shares = shares,
                                         .uses = uses,
                                         .time_left = time_left});
  }
};

// "x" starts, "y CAPACITY" does not.
std::vector<std::string> Names(
    const std::vector<SchedulingDecision>& decisions) {
  std::vector<std::string> names;
  for (const SchedulingDecision& one : decisions) {
    names.push_back(one.places.empty()
                        ? absl::StrCat(one.name, " ",
                                       v1::Job::PendingReason_Name(one.reason))
                        : one.name);
  }
  return names;
}

TEST(QueuePolicyTest, TheOldestGoFirst) {
  const auto decisions =
      Question{{Waiting("x", 1), Waiting("y", 1), Waiting("z", 2)},
               DevicePool({NodeOf("a", 3)})}
          .Ask();
  ASSERT_THAT(decisions, SizeIs(3));
  EXPECT_THAT(decisions[0].places, ElementsAre(DevicePlace{"a", "cpu:0"}));
  EXPECT_THAT(decisions[1].places, ElementsAre(DevicePlace{"a", "cpu:1"}));
  EXPECT_THAT(decisions[2].places, IsEmpty());
  EXPECT_EQ(decisions[2].reason, v1::Job::CAPACITY);
  EXPECT_EQ(decisions[2].message, "needs 2 cpu devices; 1 of 3 are free");
}

TEST(QueuePolicyTest, TheMoreUrgentGoFirst) {
  Question question{{Waiting("low", 1), Waiting("high", 1)},
                    DevicePool({NodeOf("a", 1)})};
  question.jobs[0].priority = v1::ResourceSpec::PRIORITY_LOW;
  EXPECT_THAT(Names(question.Ask()), ElementsAre("high", "low CAPACITY"));
}

TEST(QueuePolicyTest, ALargeJobHoldsBackThoseBehindItOfItsKind) {
  Question question{{Waiting("large", 3), Waiting("small", 1),
                     Waiting("other", 1, v1::Device::CUDA)},
                    DevicePool({NodeOf("a", 3, /*gpus=*/1)})};
  question.pool.Reserve("runs", {{"a", "cpu:0"}});
  EXPECT_THAT(Names(question.Ask()), ElementsAre("large CAPACITY", "other"));
  EXPECT_EQ(WaitsForOthers({v1::Device::CPU, 1}),
            "needs 1 cpu device; jobs before it go first");
}

TEST(QueuePolicyTest, RanksSitOnOneHostWhereOneHasRoom) {
  Question question{{Waiting("x", 3)},
                    DevicePool({NodeOf("a", 2), NodeOf("b", 3)})};
  EXPECT_THAT(question.Ask()[0].places,
              ElementsAre(DevicePlace{"b", "cpu:0"}, DevicePlace{"b", "cpu:1"},
                          DevicePlace{"b", "cpu:2"}));
  question.jobs = {Waiting("x", 4)};
  EXPECT_THAT(question.Ask()[0].places, SizeIs(4));
}

TEST(QueuePolicyTest, HeldDevicesAreNotGiven) {
  Question question{{Waiting("y", 1)}, DevicePool({NodeOf("a", 2)})};
  question.pool.Reserve("jobs/x", {{"a", "cpu:0"}});
  EXPECT_THAT(question.Ask()[0].places, ElementsAre(DevicePlace{"a", "cpu:1"}));
  question.pool.Release("jobs/x");
  question.jobs = {Waiting("y", 2)};
  EXPECT_THAT(question.Ask()[0].places, SizeIs(2));
}

TEST(QueuePolicyTest, SaysHowManyDevicesOthersUse) {
  Question question{
      {Waiting("x", 1, v1::Device::CUDA), Waiting("y", 1, v1::Device::CUDA)},
      DevicePool({NodeOf("a", 1, /*gpus=*/4)})};
  question.pool.Reserve("jobs/b", {{"a", "GPU-0"}});
  question.pool.SetForeignUses(
      {{"GPU-1", "process 7"}, {"GPU-3", "process 8"}});

  const auto decisions = question.Ask();

  EXPECT_THAT(decisions[0].places, ElementsAre(DevicePlace{"a", "GPU-2"}));
  EXPECT_EQ(decisions[1].reason, v1::Job::CAPACITY);
  EXPECT_EQ(decisions[1].message,
            "needs 1 cuda device; 0 of 4 are free, 2 used by processes that "
            "are not Lockstep's");
}

TEST(QueuePolicyTest, AJobStartsOnWhatIsKeptForItWhoeverIsBeforeIt) {
  Question question{{Waiting("large", 3), Waiting("kept", 1)},
                    DevicePool({NodeOf("a", 3)})};
  question.pool.Keep("kept", {{"a", "cpu:1"}});
  const auto decisions = question.Ask();
  EXPECT_THAT(Names(decisions), ElementsAre("large CAPACITY", "kept"));
  EXPECT_THAT(decisions[1].places, ElementsAre(DevicePlace{"a", "cpu:1"}));
  EXPECT_EQ(decisions[0].message, "needs 3 cpu devices; 2 of 3 are free");
}

TEST(QueuePolicyTest, WhatIsKeptAndWhatIsFreeAddUp) {
  Question question{{Waiting("kept", 2), Waiting("next", 1)},
                    DevicePool({NodeOf("a", 3)})};
  question.pool.Keep("kept", {{"a", "cpu:1"}});
  const auto decisions = question.Ask();
  EXPECT_THAT(decisions[0].places, ElementsAre(DevicePlace{"a", "cpu:0"},
                                               DevicePlace{"a", "cpu:1"}));
  EXPECT_THAT(decisions[1].places, ElementsAre(DevicePlace{"a", "cpu:2"}));
}

// --- Quotas ---

QueueUse Quota(int quota, int used) { return {.quota = quota, .used = used}; }

TEST(QueuePolicyTest, AJobAboveTheQuotaHoldsBackItsOwnQueueAlone) {
  Question question{{Waiting("a", 2), Waiting("b", 1), Waiting("c", 1)},
                    DevicePool({NodeOf("n", 4)})};
  question.jobs[0].queue = question.jobs[1].queue = "small";
  question.uses[{"small", v1::Device::CPU}] = Quota(3, 2);

  const auto decisions = question.Ask();

  EXPECT_THAT(Names(decisions), ElementsAre("a QUOTA", "c"));
  EXPECT_EQ(decisions[0].message,
            "needs 2 cpu devices; the jobs of queues/small have 2 of the 3 "
            "that they may have");
}

TEST(QueuePolicyTest, WhatStartsCountsAgainstTheQuotaOfItsKind) {
  Question question{
      {Waiting("a", 1), Waiting("b", 1), Waiting("c", 1, v1::Device::CUDA)},
      DevicePool({NodeOf("n", 4, /*gpus=*/1)})};
  question.uses[{"default", v1::Device::CPU}] = Quota(1, 0);
  EXPECT_THAT(Names(question.Ask()), ElementsAre("a", "b QUOTA", "c"));
}

TEST(QueuePolicyTest, AQuotaThatIsUpIsSaidThoughOthersGoFirst) {
  Question question{{Waiting("large", 3), Waiting("b", 1)},
                    DevicePool({NodeOf("n", 2)})};
  question.jobs[1].queue = "small";
  question.uses[{"small", v1::Device::CPU}] = Quota(1, 1);
  EXPECT_THAT(Names(question.Ask()), ElementsAre("large CAPACITY", "b QUOTA"));
}

TEST(QueuePolicyTest, WhatIsKeptWasWithinTheQuota) {
  Question question{{Waiting("kept", 1)}, DevicePool({NodeOf("n", 2)})};
  question.pool.Keep("kept", {{"n", "cpu:0"}});
  question.uses[{"default", v1::Device::CPU}] = Quota(1, 1);
  EXPECT_THAT(Names(question.Ask()), ElementsAre("kept"));
}

// --- Shares ---

TEST(QueuePolicyTest, TheQueueWithTheSmallerShareGoesFirstThenItsOwner) {
  Question question{{Waiting("a", 1), Waiting("b", 1), Waiting("c", 1)},
                    DevicePool({NodeOf("n", 1)})};
  question.jobs[1].queue = question.jobs[2].queue = "q";
  question.jobs[2].owner = "ann";
  question.shares.of_queue = {{"default", 10}, {"q", 9}};
  question.shares.of_owner = {{"q", {{"local", 5}, {"ann", 4}}}};
  EXPECT_THAT(Names(question.Ask()), ElementsAre("c", "b CAPACITY"));
}

TEST(QueuePolicyTest, PriorityCountsMoreThanShares) {
  Question question{{Waiting("a", 1), Waiting("b", 1)},
                    DevicePool({NodeOf("n", 1)})};
  question.jobs[0].priority = v1::ResourceSpec::PRIORITY_HIGH;
  question.jobs[1].owner = "ann";
  question.shares.of_owner = {{"default", {{"local", 5}}}};
  EXPECT_THAT(Names(question.Ask()), ElementsAre("a", "b CAPACITY"));
}

// --- Models ---

TEST(QueuePolicyTest, AJobWaitsForItsModelAndHoldsBackNoneOfAnother) {
  v1::Node node = NodeOf("n", 0, /*gpus=*/3);
  node.mutable_devices(0)->set_model("NVIDIA H200");
  node.mutable_devices(1)->set_model("NVIDIA A100");
  node.mutable_devices(2)->set_model("NVIDIA A100");
  Question question{
      {Waiting("h", 1, v1::Device::CUDA), Waiting("any", 1, v1::Device::CUDA),
       Waiting("next", 2, v1::Device::CUDA),
       Waiting("last", 1, v1::Device::CUDA)},
      DevicePool({node})};
  question.jobs[0].demand.model = "h200";
  question.pool.Reserve("jobs/x", {{"n", "GPU-0"}});

  const auto decisions = question.Ask();

  // "next" wants more than is left, and holds back "last" from all GPUs.
  EXPECT_THAT(Names(decisions), ElementsAre("h CAPACITY", "any"));
  EXPECT_EQ(decisions[0].message,
            "needs 1 cuda device (h200); 0 of 1 are free");
  EXPECT_THAT(decisions[1].places, ElementsAre(DevicePlace{"n", "GPU-1"}));
}

// --- Backfill ---

// Three of four devices are held for another hour, and the first in line wants
// all of them.
Question HourLeft() {
  Question question{{Waiting("large", 4), Waiting("small", 1)},
                    DevicePool({NodeOf("n", 4)})};
  question.pool.Reserve("x", {{"n", "cpu:0"}, {"n", "cpu:1"}, {"n", "cpu:2"}});
  question.left = {{"x", absl::Hours(1)}};
  return question;
}

TEST(QueuePolicyTest, WhatEndsBeforeTheFirstCanStartMayPassIt) {
  Question question = HourLeft();
  question.jobs[1].longest = absl::Hours(1);
  EXPECT_THAT(Names(question.Ask()), ElementsAre("large CAPACITY", "small"));
  EXPECT_THAT(Names(question.Ask(/*backfill=*/false)),
              ElementsAre("large CAPACITY"));
}

TEST(QueuePolicyTest, WhatEndsLaterWaits) {
  Question question = HourLeft();
  question.jobs[1].longest = absl::Hours(1) + absl::Milliseconds(1);
  EXPECT_THAT(Names(question.Ask()), ElementsAre("large CAPACITY"));
}

TEST(QueuePolicyTest, NobodyPassesWhenItIsNotKnownWhenTheFirstCanStart) {
  Question question = HourLeft();
  question.jobs[1].longest = absl::Minutes(1);
  question.left.clear();
  EXPECT_THAT(Names(question.Ask()), ElementsAre("large CAPACITY"));
}

TEST(QueuePolicyTest, WhatLeavesEnoughToTheFirstMayPassForEver) {
  Question question = HourLeft();
  question.jobs = {Waiting("large", 3), Waiting("small", 1),
                   Waiting("other", 1)};
  question.pool.Release("x");
  question.pool.Reserve("x", {{"n", "cpu:0"}, {"n", "cpu:1"}});
  // Of four that are free in an hour one is left over.
  EXPECT_THAT(Names(question.Ask()), ElementsAre("large CAPACITY", "small"));
}

TEST(QueuePolicyTest, WhatStartsNowIsAwaitedToo) {
  Question question{
      {Waiting("first", 3), Waiting("large", 4), Waiting("small", 1)},
      DevicePool({NodeOf("n", 4)})};
  question.jobs[0].longest = absl::Hours(1);
  question.jobs[2].longest = absl::Hours(1);
  EXPECT_THAT(Names(question.Ask()),
              ElementsAre("first", "large CAPACITY", "small"));
}

TEST(QueuePolicyTest, BackfillStaysWithinTheQuota) {
  Question question = HourLeft();
  question.jobs[1].longest = absl::Minutes(1);
  question.jobs[1].queue = "small";
  question.uses[{"small", v1::Device::CPU}] = Quota(1, 1);
  EXPECT_THAT(Names(question.Ask()),
              ElementsAre("large CAPACITY", "small QUOTA"));
}

// Until a device is undrained it cannot start: nobody waits behind it for that.
TEST(QueuePolicyTest, WhoWantsMoreThanIsNotDrainedHoldsBackNobody) {
  Question question{.jobs = {Waiting("large", 4), Waiting("small", 1)},
                    .pool = DevicePool({NodeOf("n", 4)})};
  question.pool.SetDrained({{"cpu:2", "its fan"}});
  EXPECT_THAT(Names(question.Ask()), ElementsAre("large CAPACITY", "small"));
}

TEST(QueuePolicyTest, WhoIsAboveAShrunkQuotaHoldsBackNobodyOfItsQueue) {
  Question question{.jobs = {Waiting("large", 3), Waiting("small", 1)},
                    .pool = DevicePool({NodeOf("n", 4)})};
  question.uses[{"default", v1::Device::CPU}] = {.quota = 2, .used = 0};
  EXPECT_THAT(Names(question.Ask()), ElementsAre("large QUOTA", "small"));
}

// What the quota leaves the first in line is not given to one behind it that
// may have it for longer.
TEST(QueuePolicyTest, BackfillLeavesTheFirstItsQuota) {
  Question question{.jobs = {Waiting("first", 6), Waiting("behind", 2)},
                    .pool = DevicePool({NodeOf("n", 8)})};
  question.pool.Reserve(
      "runs", {{"n", "cpu:0"}, {"n", "cpu:1"}, {"n", "cpu:2"}, {"n", "cpu:3"}});
  question.left["runs"] = absl::Hours(1);
  EXPECT_THAT(Names(question.Ask()), ElementsAre("first CAPACITY", "behind"));
  question.uses[{"default", v1::Device::CPU}] = {.quota = 6, .used = 0};
  EXPECT_THAT(Names(question.Ask()), ElementsAre("first CAPACITY"));
}

}  // namespace
}  // namespace lockstep
