// A25: the cable of a host is cut while a job of two hosts trains. Neither its
// ranks nor Slurm can say a word, so it is the silence that counts.

#include <iostream>
#include <string>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/acceptance/slurm_cluster.h"

namespace lockstep::testing {
namespace {

TEST(SlurmCableTest, ACutCableIsTheLossOfAHost) {
  LOCKSTEP_NEEDS_SLURM();
  SlurmCluster slurm({.hosts = 3});
  slurm.Submit("a", /*steps=*/100000,
               "resources: {device: cpu, ranks: 4, nodes: 2}\n",
               "checkpoint: {save_steps: 20}\n");
  ASSERT_TRUE(slurm.AwaitStep("a", 25)) << slurm.Story("a");
  // It is written while training goes on.
  ASSERT_TRUE(slurm.lab().Becomes([&] {
    return !slurm.ListedBy("a", 1).empty();
  })) << slurm.Story("a");
  const std::string lost = slurm.Job("a").attempts(0).ranks(0).node();

  const absl::Time cut = absl::Now();
  slurm.lab().CutCable(lost.back() - '0');

  const absl::Duration seen = slurm.LostAfter("a", cut);
  EXPECT_LE(seen, absl::Seconds(10)) << slurm.Story("a");
  ASSERT_TRUE(slurm.lab().Becomes(
      [&] {
        const v1::Job job = slurm.Job("a");
        return job.attempts_size() == 2 && job.state() == v1::Job::RUNNING;
      },
      120))
      << slurm.Story("a");
  const v1::Job job = slurm.Job("a");
  EXPECT_EQ(v1::Attempt::EndCause_Name(job.attempts(0).end_cause()),
            "NODE_LOST")
      << slurm.Story("a");
  EXPECT_GE(job.attempts(1).resume_step(), 20);
  for (const v1::RankPlacement& rank : job.attempts(1).ranks()) {
    EXPECT_NE(rank.node(), lost);
  }
  std::cout << "A25 slurm_cable: a host whose cable is cut is lost after "
            << absl::ToDoubleSeconds(seen)
            << " s, and training goes on at step "
            << job.attempts(1).resume_step() << " on others\n";
}

}  // namespace
}  // namespace lockstep::testing
