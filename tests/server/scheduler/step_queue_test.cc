// Queues as users make them, and what they mean to jobs.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep {
namespace {

using ::lockstep::testing::StepWorld;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

v1::Queue QueueOf(const std::string& id, int cpu_quota = -1) {
  v1::Queue queue;
  queue.set_name("queues/" + id);
  if (cpu_quota >= 0) queue.set_cpu_quota(cpu_quota);
  return queue;
}

class StepQueueTest : public ::testing::Test {
 protected:
  Ticket Submit(const std::string& id, int ranks, const std::string& queue) {
    v1::JobSpec spec;
    spec.mutable_resources()->set_ranks(ranks);
    spec.mutable_resources()->set_queue(queue);
    return world_.Create(id, spec);
  }
  void Queue(const std::string& id, int ranks, const std::string& queue) {
    ASSERT_TRUE(world_.answer(Submit(id, ranks, queue)).ok());
    world_.Prepare(id);
  }
  void Run(const std::string& id, int ranks, const std::string& queue) {
    Queue(id, ranks, queue);
    world_.Train(id, 1);
  }
  Ticket Move(const std::string& id, const std::string& queue) {
    return world_.Update({.name = "jobs/" + id, .queue = queue});
  }
  std::string Reason(Ticket ticket) const {
    return ErrorReason(world_.answer(ticket));
  }
  std::string Message(Ticket ticket) const {
    return std::string(world_.answer(ticket).message());
  }

  StepWorld world_{4};
};

TEST_F(StepQueueTest, TheDefaultQueueIsAlwaysThere) {
  EXPECT_EQ(world_.Queues().size(), 1);
  const v1::Queue queue = world_.Queues()["default"];
  EXPECT_FALSE(queue.has_cpu_quota());
  EXPECT_EQ(queue.weight(), 1);
  EXPECT_EQ(Reason(world_.CreateQueue(QueueOf("default"))), "QUEUE_EXISTS");
  EXPECT_EQ(Reason(world_.DeleteQueue("default")), "QUEUE_IS_DEFAULT");
  world_.Create("a", 1);
  EXPECT_EQ(world_.job("a").queue(), "default");
}

TEST_F(StepQueueTest, AQueueIsMadeChangedAndRemoved) {
  ASSERT_TRUE(world_.answer(world_.CreateQueue(QueueOf("q", 2))).ok());
  EXPECT_EQ(Reason(world_.CreateQueue(QueueOf("q"))), "QUEUE_EXISTS");
  world_.Restart();
  EXPECT_EQ(world_.Queues()["q"].cpu_quota(), 2);

  v1::Queue heavy = QueueOf("q");
  heavy.set_weight(3);
  ASSERT_TRUE(
      world_.answer(world_.UpdateQueue({.queue = heavy, .weight = true})).ok());
  EXPECT_EQ(world_.Queues()["q"].weight(), 3);
  EXPECT_EQ(world_.Queues()["q"].cpu_quota(), 2);
  // What the mask names and the queue lacks is lifted.
  ASSERT_TRUE(
      world_.answer(world_.UpdateQueue({.queue = heavy, .cpu_quota = true}))
          .ok());
  EXPECT_FALSE(world_.Queues()["q"].has_cpu_quota());

  ASSERT_TRUE(world_.answer(world_.DeleteQueue("q")).ok());
  EXPECT_THAT(world_.queues_on_disk(), IsEmpty());
  EXPECT_EQ(Reason(world_.DeleteQueue("q")), "QUEUE_NOT_FOUND");
  EXPECT_EQ(Reason(world_.UpdateQueue({.queue = QueueOf("q"), .weight = true})),
            "QUEUE_NOT_FOUND");
}

TEST_F(StepQueueTest, AQuotaAboveTheClusterIsRefused) {
  const Ticket refused = world_.CreateQueue(QueueOf("q", 5));
  EXPECT_EQ(Reason(refused), "QUOTA_ABOVE_CLUSTER");
  EXPECT_THAT(Message(refused),
              HasSubstr("a quota of 5 cpu devices; this cluster has 4"));
  ASSERT_TRUE(world_.answer(world_.CreateQueue(QueueOf("q", 4))).ok());
  v1::Queue gpus = QueueOf("q");
  gpus.set_gpu_quota(1);
  EXPECT_EQ(Reason(world_.UpdateQueue({.queue = gpus, .gpu_quota = true})),
            "QUOTA_ABOVE_CLUSTER");
  EXPECT_FALSE(world_.Queues()["q"].has_gpu_quota());
}

TEST_F(StepQueueTest, AJobNamesAQueueThatIsThereAndMayHaveAsMany) {
  EXPECT_EQ(Reason(Submit("a", 1, "q")), "QUEUE_NOT_FOUND");
  world_.CreateQueue(QueueOf("q", 2));
  const Ticket refused = Submit("a", 3, "q");
  EXPECT_EQ(Reason(refused), "NOT_ENOUGH_QUOTA");
  EXPECT_THAT(Message(refused),
              HasSubstr("3 cpu devices are wanted, the jobs of queues/q may "
                        "have 2 together"));
  EXPECT_TRUE(world_.answer(Submit("a", 2, "q")).ok());
  EXPECT_EQ(world_.job("a").queue(), "q");
}

TEST_F(StepQueueTest, AboveTheQuotaAJobWaitsAndHoldsBackNoOtherQueue) {
  world_.CreateQueue(QueueOf("q", 2));
  Run("a", 2, "q");
  Queue("b", 1, "q");
  Run("c", 1, "default");

  EXPECT_EQ(world_.job("b").pending_reason(), v1::Job::QUOTA);
  EXPECT_EQ(world_.job("b").pending_message(),
            "needs 1 cpu device; the jobs of queues/q have 2 of the 2 that "
            "they may have");
  EXPECT_EQ(world_.Queues()["q"].cpu_slots_used(), 2);
  EXPECT_EQ(world_.Queues()["q"].jobs_waiting(), 1);
  EXPECT_EQ(world_.Queues()["default"].cpu_slots_used(), 1);

  world_.RanksEnded("a", 1, 0);
  EXPECT_EQ(world_.job("b").state(), v1::Job::STARTING);
  EXPECT_EQ(world_.Queues()["q"].jobs_waiting(), 0);
}

TEST_F(StepQueueTest, AJobThatRunsKeepsItsDevicesWhenTheQuotaShrinks) {
  world_.CreateQueue(QueueOf("q", 3));
  Run("a", 2, "q");
  Queue("b", 2, "q");
  ASSERT_TRUE(world_
                  .answer(world_.UpdateQueue(
                      {.queue = QueueOf("q", 1), .cpu_quota = true}))
                  .ok());
  EXPECT_EQ(world_.job("a").state(), v1::Job::RUNNING);
  EXPECT_EQ(world_.job("b").pending_reason(), v1::Job::QUOTA);
  // It may have as many again.
  world_.UpdateQueue({.queue = QueueOf("q"), .cpu_quota = true});
  EXPECT_EQ(world_.job("b").state(), v1::Job::STARTING);
}

TEST_F(StepQueueTest, ExplainTellsTheQuota) {
  world_.CreateQueue(QueueOf("q", 2));
  Run("a", 2, "q");
  Queue("b", 1, "q");
  const v1::JobExplanation b = *world_.Explain("b");
  EXPECT_EQ(b.queue(), "q");
  EXPECT_EQ(b.queue_quota(), 2);
  EXPECT_EQ(b.queue_used(), 2);
  EXPECT_FALSE(b.has_earliest_start_time());
  EXPECT_THAT(b.message(),
              HasSubstr("The jobs of queue q have 2 of the 2 that they may "
                        "have."));
  Queue("c", 4, "default");
  const v1::JobExplanation c = *world_.Explain("c");
  EXPECT_FALSE(c.has_queue_quota());
  EXPECT_EQ(c.position(), 1);
}

TEST_F(StepQueueTest, AJobThatHoldsNoDeviceCanChangeQueues) {
  world_.CreateQueue(QueueOf("q", 2));
  world_.CreateQueue(QueueOf("p", 1));
  Run("a", 2, "q");
  Queue("b", 2, "q");
  EXPECT_EQ(Reason(Move("b", "none")), "QUEUE_NOT_FOUND");
  EXPECT_EQ(Reason(Move("b", "p")), "NOT_ENOUGH_QUOTA");
  EXPECT_EQ(Reason(Move("a", "default")), "JOB_HOLDS_DEVICES");
  EXPECT_TRUE(world_.answer(Move("a", "q")).ok());

  ASSERT_TRUE(world_.answer(Move("b", "default")).ok());
  EXPECT_EQ(world_.job("b").queue(), "default");
  EXPECT_EQ(world_.job("b").state(), v1::Job::STARTING);
  world_.Restart();
  EXPECT_EQ(world_.Queues()["default"].cpu_slots_used(), 2);

  world_.RanksEnded("b", 1, 0);
  EXPECT_EQ(Reason(Move("b", "q")), "JOB_ENDED");
}

TEST_F(StepQueueTest, AQueueWithJobsStays) {
  world_.CreateQueue(QueueOf("q"));
  Run("a", 1, "q");
  const Ticket refused = world_.DeleteQueue("q");
  EXPECT_EQ(Reason(refused), "QUEUE_NOT_EMPTY");
  EXPECT_EQ(Message(refused),
            "queues/q: 1 job of it has not ended; cancel it, or give it "
            "another queue");
  Run("b", 1, "q");
  EXPECT_EQ(Message(world_.DeleteQueue("q")),
            "queues/q: 2 jobs of it have not ended; cancel them, or give them "
            "another queue");
  world_.RanksEnded("a", 1, 0);
  world_.RanksEnded("b", 1, 0);
  EXPECT_TRUE(world_.answer(world_.DeleteQueue("q")).ok());
  EXPECT_EQ(world_.job("a").queue(), "q");
}

TEST_F(StepQueueTest, WhatIsKeptForAJobIsLetGoWhenItChangesQueues) {
  world_.CreateQueue(QueueOf("q", 2));
  v1::JobSpec gives_way;
  gives_way.mutable_resources()->set_ranks(4);
  gives_way.mutable_resources()->set_preemptible(true);
  world_.Create("low", gives_way);
  world_.Prepare("low");
  world_.Train("low", 1);
  v1::JobSpec urgent;
  urgent.mutable_resources()->set_ranks(2);
  urgent.mutable_resources()->set_priority(v1::ResourceSpec::PRIORITY_HIGH);
  world_.Create("high", urgent);
  world_.Prepare("high");
  ASSERT_EQ(world_.record("high").kept_devices_size(), 2);
  // It counts as theirs already.
  EXPECT_EQ(world_.Queues()["default"].cpu_slots_used(), 6);

  ASSERT_TRUE(world_.answer(Move("high", "q")).ok());

  EXPECT_EQ(world_.record("high").kept_devices_size(), 0);
  EXPECT_EQ(world_.Queues()["default"].cpu_slots_used(), 4);
}

TEST_F(StepQueueTest, UsageIsChargedAtTheEndAndEveryFewMinutes) {
  Run("a", 2, "default");
  world_.Advance(absl::Minutes(4));
  EXPECT_THAT(world_.queues_on_disk(), IsEmpty());
  world_.Advance(absl::Minutes(1));
  const auto usage = [&] {
    return world_.queues_on_disk().at("queues/default").usages(0);
  };
  EXPECT_EQ(usage().owner(), "local");
  EXPECT_EQ(usage().device_milliseconds(), 2 * 300'000);
  world_.Restart();
  world_.Advance(absl::Minutes(2));
  world_.RanksEnded("a", 1, 0);
  EXPECT_NEAR(static_cast<double>(usage().device_milliseconds()), 2 * 420'000,
              2'000);
}

TEST_F(StepQueueTest, TheQueueThatHadLessGoesFirst) {
  world_.CreateQueue(QueueOf("q"));
  Run("a", 4, "default");
  Queue("old", 4, "default");
  Queue("new", 4, "q");
  EXPECT_EQ(world_.job("old").pending_reason(), v1::Job::CAPACITY);
  EXPECT_EQ(world_.job("new").pending_reason(), v1::Job::PRIORITY);
  // Nothing changes between two charges.
  world_.Advance(absl::Minutes(2));
  EXPECT_THAT(world_.events(), IsEmpty());

  world_.Advance(absl::Minutes(3));
  EXPECT_EQ(world_.job("old").pending_reason(), v1::Job::PRIORITY);
  EXPECT_EQ(world_.job("new").pending_reason(), v1::Job::CAPACITY);
  world_.Restart();
  world_.RanksEnded("a", 1, 0);
  EXPECT_EQ(world_.job("new").state(), v1::Job::STARTING);
}

}  // namespace
}  // namespace lockstep
