// A25: jobs of several hosts on a real Slurm: trained, cancelled in each phase,
// and let go of by a coordinator that is killed.

#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/acceptance/slurm_cluster.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// No host of the lab has such a feature.
constexpr char kNever[] =
    "resources: {device: cpu, ranks: 4, nodes: 2, slurm: {constraint: none}}\n";
constexpr int kLong = 100000;

class SlurmJobTest : public ::testing::Test {
 protected:
  void SetUp() override {
    LOCKSTEP_NEEDS_SLURM();
    slurm_ = std::make_unique<SlurmCluster>();
  }

  SlurmLab& lab() { return slurm_->lab(); }
  // Takes all but this many CPUs of each host for a job that is not Lockstep's.
  void Fill(int but = 0) {
    ASSERT_EQ(lab()
                  .Slurm({"sbatch", "--job-name=filler", "--nodes=2",
                          "--ntasks-per-node=1",
                          absl::StrCat("--cpus-per-task=", 8 - but),
                          "--output=/dev/null", "--wrap=sleep 600"})
                  .exit_code,
              0);
    ASSERT_TRUE(lab().Becomes([&] { return State("filler") == "RUNNING"; }));
  }
  std::string State(const std::string& name) { return lab().StateOf(name); }
  void Cancel(const std::string& name) {
    const RunResult run = slurm_->cluster().Lockstep({"jobs", "cancel", name});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(slurm_->Await(name, v1::Job::CANCELLED).state(),
              v1::Job::CANCELLED)
        << slurm_->Story(name);
  }

  std::unique_ptr<SlurmCluster> slurm_;
};

TEST_F(SlurmJobTest, TheHostsAreUpInSecondsAndTheirGpusAreSlots) {
  EXPECT_LT(lab().raised_in(), absl::Seconds(30));
  std::cout << "A25 slurm_job: a Slurm of 2 hosts is up after "
            << absl::ToDoubleSeconds(lab().raised_in()) << " s\n";
  const RunResult nodes =
      slurm_->cluster().Lockstep({"nodes", "list", "-o", "json"});
  EXPECT_THAT(nodes.out, HasSubstr("slurm-gpu:7")) << nodes.err;
  EXPECT_THAT(nodes.out, Not(HasSubstr("slurm-gpu:8")));
  EXPECT_THAT(nodes.out, HasSubstr("fake"));
}

TEST_F(SlurmJobTest, FourRanksOnTwoHostsTrainToTheEnd) {
  slurm_->Submit("a", 6);
  const v1::Job job = slurm_->Await("a", v1::Job::SUCCEEDED);

  ASSERT_EQ(job.state(), v1::Job::SUCCEEDED) << slurm_->Story("a");
  ASSERT_EQ(job.attempts_size(), 1) << slurm_->Story("a");
  const v1::Attempt& attempt = job.attempts(0);
  ASSERT_EQ(attempt.ranks_size(), 4);
  EXPECT_EQ(attempt.ranks(0).node(), attempt.ranks(1).node());
  EXPECT_EQ(attempt.ranks(2).node(), attempt.ranks(3).node());
  EXPECT_NE(attempt.ranks(0).node(), attempt.ranks(2).node());
  EXPECT_EQ(attempt.ranks(3).device(), "cpu");
  EXPECT_FALSE(attempt.engine_id().empty());
  EXPECT_TRUE(lab().Becomes([&] {
    return State(slurm_->SlurmName("a")) == "COMPLETED";
  })) << slurm_->Story("a");
  EXPECT_THAT(slurm_->cluster().Lockstep({"jobs", "describe", "a"}).out,
              HasSubstr("Slurm job " + attempt.engine_id()));
  std::cout << "A25 slurm_job: 4 ranks on 2 hosts trained "
            << job.progress().step() << " steps to the end in one attempt\n";
}

TEST_F(SlurmJobTest, OneThatWaitsSaysWhyAndIsCancelled) {
  Fill();
  slurm_->Submit("a", 6);
  ASSERT_TRUE(lab().Becomes([&] {
    const v1::Job job = slurm_->Job("a");
    return job.attempts_size() == 1 &&
           job.attempts(0).engine_message().find("(Slurm: Resources)") !=
               std::string::npos;
  })) << slurm_->Story("a");
  EXPECT_THAT(slurm_->cluster().Lockstep({"explain", "a"}).out,
              HasSubstr("waits for nodes to be free (Slurm: Resources)"));
  const std::string name = slurm_->SlurmName("a");

  Cancel("a");

  EXPECT_TRUE(lab().IsGone(name)) << slurm_->Story("a");
}

TEST_F(SlurmJobTest, OneThatWasJustSubmittedOrRunsIsCancelled) {
  slurm_->Submit("new", kLong);
  ASSERT_TRUE(
      lab().Becomes([&] { return slurm_->Job("new").attempts_size() == 1; }));
  const std::string young = slurm_->SlurmName("new");
  Cancel("new");
  EXPECT_TRUE(lab().IsGone(young)) << slurm_->Story("new");

  slurm_->Submit("old", kLong);
  ASSERT_TRUE(slurm_->AwaitStep("old", 1)) << slurm_->Story("old");
  const std::string old = slurm_->SlurmName("old");
  Cancel("old");
  EXPECT_TRUE(lab().IsGone(old)) << slurm_->Story("old");
}

TEST_F(SlurmJobTest, WhatSlurmRefusesFailsInItsWords) {
  slurm_->Submit("a", 6, kNever);

  const v1::Job job = slurm_->Await("a", v1::Job::FAILED);

  EXPECT_THAT(job.error().message(),
              HasSubstr("Slurm refused it: Batch job submission failed"))
      << slurm_->Story("a");
  EXPECT_EQ(job.attempts_size(), 1);
}

TEST_F(SlurmJobTest, ACoordinatorThatIsKilledAdoptsWhatRunsAndWhatWaits) {
  slurm_->Submit("runs", kLong,
                 "resources: {device: cpu, ranks: 2, nodes: 2}\n");
  ASSERT_TRUE(slurm_->AwaitStep("runs", 1)) << slurm_->Story("runs");
  Fill(/*but=*/1);
  slurm_->Submit("waits", 6);
  ASSERT_TRUE(lab().Becomes([&] {
    const v1::Job job = slurm_->Job("waits");
    return job.attempts_size() == 1 &&
           State(slurm_->SlurmName("waits")) == "PENDING";
  })) << slurm_->Story("waits");
  const std::string names = lab().JobNames();

  slurm_->cluster().KillDaemon();
  slurm_->cluster().StartDaemon();

  const int64_t step = slurm_->Job("runs").progress().step();
  EXPECT_TRUE(slurm_->AwaitStep("runs", step + 5)) << slurm_->Story("runs");
  lab().Slurm({"scancel", "--name=filler"});
  EXPECT_EQ(slurm_->Await("waits", v1::Job::SUCCEEDED).attempts_size(), 1)
      << slurm_->Story("waits");
  EXPECT_EQ(slurm_->Job("runs").attempts_size(), 1);
  EXPECT_EQ(lab().JobNames().size(), names.size()) << lab().JobNames();
  Cancel("runs");
}

// It begins while the coordinator is away, and finds it when that is back.
TEST_F(SlurmJobTest, ATimeLimitCountsFromTheStartThatSlurmTells) {
  constexpr int kLimit = 20;
  constexpr int kAway = 10;
  Fill();
  slurm_->Submit("a", kLong,
                 absl::StrCat("resources: {device: cpu, ranks: 1, timeout: ",
                              kLimit, "s}\n"));
  ASSERT_TRUE(lab().Becomes([&] {
    return State(slurm_->SlurmName("a")) == "PENDING";
  })) << slurm_->Story("a");
  const std::string name = slurm_->SlurmName("a");
  slurm_->cluster().KillDaemon();
  ASSERT_EQ(lab().Slurm({"scancel", "--name=filler"}).exit_code, 0);
  ASSERT_TRUE(lab().Becomes([&] { return State(name) == "RUNNING"; }));
  const absl::Time started = absl::Now();
  ASSERT_TRUE(lab().Becomes(
      [&] { return absl::Now() > started + absl::Seconds(kAway); }));
  slurm_->cluster().StartDaemon();

  const v1::Job job = slurm_->Await("a", v1::Job::FAILED);

  EXPECT_EQ(job.error().reason(), "TIME_LIMIT") << slurm_->Story("a");
  // The ranks were told, and had not to be killed.
  EXPECT_LT(absl::Now() - started, absl::Seconds(kLimit + kAway))
      << slurm_->Story("a");
}

TEST_F(SlurmJobTest, SomebodysScancelEndsTheJob) {
  slurm_->Submit("a", kLong);
  ASSERT_TRUE(slurm_->AwaitStep("a", 1)) << slurm_->Story("a");

  lab().Slurm({"scancel", "--name=" + slurm_->SlurmName("a")});

  const v1::Job job = slurm_->Await("a", v1::Job::FAILED);
  EXPECT_THAT(job.error().message(), HasSubstr("not by Lockstep"))
      << slurm_->Story("a");
}

}  // namespace
}  // namespace lockstep::testing
