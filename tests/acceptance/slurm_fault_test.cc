// A25: what fails on a real Slurm while a job of two hosts trains: slurmctld, a
// host; and a more urgent job that takes its nodes.

#include <signal.h>

#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/acceptance/slurm_cluster.h"

namespace lockstep::testing {
namespace {

constexpr int kLong = 100000;

class SlurmFaultTest : public ::testing::Test {
 protected:
  void SetUp() override { LOCKSTEP_NEEDS_SLURM(); }

  // A job that trains, and has a checkpoint if it saves any.
  void Run(const std::string& name, int save_steps = 20) {
    slurm_->Submit(
        name, kLong, "resources: {device: cpu, ranks: 4, nodes: 2}\n",
        absl::StrCat("checkpoint: {save_steps: ", save_steps, "}\n"));
    ASSERT_TRUE(slurm_->AwaitStep(name, 25)) << slurm_->Story(name);
    // It is written while training goes on.
    ASSERT_TRUE(save_steps == kLong || lab().Becomes([&] {
      return !slurm_->ListedBy(name, 1).empty();
    })) << slurm_->Story(name);
  }
  SlurmLab& lab() { return slurm_->lab(); }
  // A job of others that takes both hosts.
  void Urge() {
    ASSERT_EQ(
        lab()
            .Slurm({"sbatch", "--job-name=urgent", "--partition=urgent",
                    "--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=8",
                    "--output=/dev/null", "--wrap=sleep 3"})
            .exit_code,
        0);
  }
  // Its first attempt has ended with this cause, and the second trains on from
  // a checkpoint.
  void ExpectResumed(const std::string& name, v1::Attempt::EndCause cause) {
    ASSERT_TRUE(lab().Becomes(
        [&] {
          const v1::Job job = slurm_->Job(name);
          return job.attempts_size() == 2 && job.state() == v1::Job::RUNNING &&
                 job.progress().step() > job.attempts(1).resume_step();
        },
        90))
        << slurm_->Story(name);
    const v1::Job job = slurm_->Job(name);
    EXPECT_EQ(v1::Attempt::EndCause_Name(job.attempts(0).end_cause()),
              v1::Attempt::EndCause_Name(cause))
        << slurm_->Story(name);
    EXPECT_GE(job.attempts(1).resume_step(), 20) << slurm_->Story(name);
    EXPECT_EQ(job.restarts(), 0);
  }

  std::unique_ptr<SlurmCluster> slurm_;
};

TEST_F(SlurmFaultTest, AKilledSlurmctldStopsNothingThatRuns) {
  slurm_ = std::make_unique<SlurmCluster>();
  Run("a");
  // No host has so many CPUs free.
  slurm_->Submit("waits", kLong, "resources: {device: cpu, ranks: 8}\n");
  ASSERT_TRUE(lab().Becomes([&] {
    return lab().StateOf(slurm_->SlurmName("waits")) == "PENDING";
  })) << slurm_->Story("waits");
  const std::string waiting = slurm_->SlurmName("waits");

  lab().KillController();
  ASSERT_EQ(slurm_->cluster().Lockstep({"jobs", "cancel", "waits"}).exit_code,
            0);
  const int64_t step = slurm_->Job("a").progress().step();
  EXPECT_TRUE(slurm_->AwaitStep("a", step + 50)) << slurm_->Story("a");
  slurm_->Submit("b", 6);
  // Slurm's own programs take 18 s to say so.
  ASSERT_TRUE(lab().Becomes(
      [&] {
        const v1::Job job = slurm_->Job("b");
        return job.pending_reason() == v1::Job::ENGINE_DOWN ||
               (job.attempts_size() == 1 &&
                absl::StrContains(job.attempts(0).engine_message(),
                                  "waits for Slurm, which does not answer"));
      },
      60))
      << slurm_->Story("b");
  // Known to be unreachable, Slurm is asked for nothing more.
  slurm_->Submit("c", 6);
  EXPECT_TRUE(lab().Becomes([&] {
    return slurm_->Job("c").pending_reason() == v1::Job::ENGINE_DOWN;
  })) << slurm_->Story("c");
  // There is nobody to tell.
  EXPECT_EQ(slurm_->Job("waits").state(), v1::Job::CANCELLING);
  lab().StartController();

  for (const char* name : {"b", "c"}) {
    EXPECT_EQ(slurm_->Await(name, v1::Job::SUCCEEDED).attempts_size(), 1)
        << slurm_->Story(name);
  }
  EXPECT_EQ(slurm_->Job("a").attempts_size(), 1) << slurm_->Story("a");
  EXPECT_EQ(slurm_->Await("waits", v1::Job::CANCELLED).state(),
            v1::Job::CANCELLED)
      << slurm_->Story("waits");
  EXPECT_TRUE(lab().IsGone(waiting)) << slurm_->Story("waits");
  std::cout << "A25 slurm_fault: slurmctld was killed: a job trained on, one "
               "that waited was cancelled meanwhile and went when it was back, "
               "and 2 that came meanwhile were done once\n";
}

TEST_F(SlurmFaultTest, AfterTheLossOfAHostTrainingGoesOnOnOthers) {
  slurm_ = std::make_unique<SlurmCluster>(SlurmLab::Options{.hosts = 3});
  Run("a");
  const std::string lost = slurm_->Job("a").attempts(0).ranks(2).node();

  const absl::Time killed = absl::Now();
  lab().KillHost(lost.back() - '0');

  const absl::Duration seen = slurm_->LostAfter("a", killed);
  EXPECT_LE(seen, absl::Seconds(10)) << slurm_->Story("a");
  std::cout << "A25 slurm_fault: a host that dies is lost after "
            << absl::ToDoubleSeconds(seen) << " s\n";
  ExpectResumed("a", v1::Attempt::NODE_LOST);
  const v1::Job job = slurm_->Job("a");
  for (const v1::RankPlacement& rank : job.attempts(1).ranks()) {
    EXPECT_NE(rank.node(), lost);
  }
}

TEST_F(SlurmFaultTest, AMoreUrgentSlurmJobGetsTheNodesAfterACheckpoint) {
  slurm_ = std::make_unique<SlurmCluster>();
  // There is no checkpoint but that of the preemption.
  Run("a", kLong);

  Urge();

  ExpectResumed("a", v1::Attempt::PREEMPTED);
  EXPECT_TRUE(
      lab().Becomes([&] { return lab().StateOf("urgent") == "COMPLETED"; }));
  std::cout << "A25 slurm_fault: a preempted job goes on from step "
            << slurm_->Job("a").attempts(1).resume_step()
            << ", of the checkpoint that it wrote in the grace time\n";
}

// The coordinator, which grants a checkpoint its name, stands meanwhile, for
// one that takes longer. A rank cannot: Slurm lets it go on before it ends it.
TEST_F(SlurmFaultTest, AfterTooShortAGraceTimeItGoesOnFromTheCheckpointBefore) {
  slurm_ =
      std::make_unique<SlurmCluster>(SlurmLab::Options{.grace_seconds = 1});
  Run("a");
  const pid_t coordinator = slurm_->cluster().daemon_pid();
  ASSERT_EQ(kill(coordinator, SIGSTOP), 0);

  Urge();
  const bool taken =
      lab().Becomes([&] { return lab().StateOf("urgent") != "PENDING"; });
  ASSERT_EQ(kill(coordinator, SIGCONT), 0);

  EXPECT_TRUE(taken);
  ExpectResumed("a", v1::Attempt::PREEMPTED);
  const int64_t resumed = slurm_->Job("a").attempts(1).resume_step();
  EXPECT_EQ(resumed % 20, 0) << slurm_->Story("a");
  EXPECT_EQ(absl::StrCat(resumed), slurm_->ListedBy("a", 1).back());
  std::cout << "A25 slurm_fault: with too short a grace time a preempted job "
               "goes on from step "
            << resumed << ", of the checkpoint before\n";
}

}  // namespace
}  // namespace lockstep::testing
