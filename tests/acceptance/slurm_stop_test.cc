// A25: a cancel in phases that do not stand still by themselves: while ranks
// join, and while a checkpoint is waited for. (While it waits, as it is
// submitted and as it runs: slurm_job_test.cc; without slurmctld:
// slurm_fault_test.cc.)

#include <iostream>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "tests/acceptance/slurm_cluster.h"

namespace lockstep::testing {
namespace {

class SlurmStopTest : public ::testing::Test {
 protected:
  void SetUp() override {
    LOCKSTEP_NEEDS_SLURM();
    slurm_ = std::make_unique<SlurmCluster>();
  }

  SlurmLab& lab() { return slurm_->lab(); }
  void Call(const std::string& what) {
    const RunResult run = slurm_->cluster().Lockstep({"jobs", what, "a"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
  }
  bool Becomes(v1::Job::State state) {
    return lab().Becomes([&] { return slurm_->Job("a").state() == state; });
  }
  // One attempt of it there was, and Slurm has nothing of it.
  void ExpectCancelled() {
    EXPECT_EQ(slurm_->Await("a", v1::Job::CANCELLED).attempts_size(), 1)
        << slurm_->Story("a");
    EXPECT_EQ(
        v1::Attempt::EndCause_Name(slurm_->Job("a").attempts(0).end_cause()),
        "CANCELLED");
  }

  std::unique_ptr<SlurmCluster> slurm_;
};

TEST_F(SlurmStopTest, OneWhoseRanksJoinIsCancelled) {
  // Its ranks do not begin, and the others wait for them.
  lab().FreezeHost(2);
  slurm_->Submit("a", /*steps=*/100000);
  ASSERT_TRUE(lab().Becomes([&] {
    const v1::Job job = slurm_->Job("a");
    return job.state() == v1::Job::STARTING && job.attempts_size() == 1 &&
           !job.attempts(0).ranks(0).node().empty();
  })) << slurm_->Story("a");
  EXPECT_EQ(slurm_->Job("a").attempts(0).ranks(0).node(), "ln1");
  EXPECT_EQ(slurm_->Job("a").attempts(0).ranks(2).node(), "");
  const std::string name = slurm_->SlurmName("a");

  Call("cancel");
  EXPECT_TRUE(lab().Becomes([&] {
    const v1::Job::State state = slurm_->Job("a").state();
    return state == v1::Job::CANCELLING || state == v1::Job::CANCELLED;
  }));
  lab().ThawHost(2);

  ExpectCancelled();
  EXPECT_TRUE(lab().IsGone(name)) << slurm_->Story("a");
  std::cout << "A25 slurm_stop: cancelled while its ranks joined\n";
}

TEST_F(SlurmStopTest, OneThatIsToWriteACheckpointForAPauseIsCancelled) {
  slurm_->Submit("a", /*steps=*/100000);
  ASSERT_TRUE(slurm_->AwaitStep("a", 1)) << slurm_->Story("a");
  const std::string name = slurm_->SlurmName("a");
  // The checkpoint does not come.
  lab().FreezeHost(2);
  Call("pause");
  ASSERT_TRUE(Becomes(v1::Job::PAUSING)) << slurm_->Story("a");

  Call("cancel");
  EXPECT_EQ(slurm_->Job("a").state(), v1::Job::CANCELLING);
  lab().ThawHost(2);

  ExpectCancelled();
  EXPECT_TRUE(lab().IsGone(name)) << slurm_->Story("a");
  std::cout << "A25 slurm_stop: cancelled while it was to write a checkpoint\n";
}

}  // namespace
}  // namespace lockstep::testing
