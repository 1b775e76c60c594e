// A25: what a site and its users may do to Lockstep's jobs by Slurm's own
// means, and what Slurm is told of Lockstep.

#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/acceptance/slurm_cluster.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kLong = 100000;
constexpr char kOneRank[] = "resources: {device: cpu, ranks: 1}\n";

class SlurmSiteTest : public ::testing::Test {
 protected:
  void SetUp() override { LOCKSTEP_NEEDS_SLURM(); }
};

std::vector<std::string> EnvironmentOf(int64_t pid) {
  return absl::StrSplit(ReadFile(absl::StrCat("/proc/", pid, "/environ")),
                        '\0');
}

TEST_F(SlurmSiteTest, ASlurmThatRunsOurWorkTwiceIsRefusedByName) {
  const SlurmLab lab({.hosts = 1, .more_config = "RequeueExit=1,75\n"});
  const ScopedTempDir dir;
  std::vector<std::string> words = lab.On("lc");
  words.insert(words.end(),
               {BinDir() + "/lockstepd", "--state-dir", dir.Path("state")});
  for (const std::string& flag : SlurmFlags(lab, dir)) words.push_back(flag);

  const RunResult run = RunProgram(words);

  EXPECT_NE(run.exit_code, 0);
  EXPECT_THAT(run.err, AllOf(HasSubstr("slurm.conf: RequeueExit=1,75"),
                             HasSubstr("take it out")));
  std::cout << "A25 slurm_site: RequeueExit in slurm.conf is refused by name\n";
}

TEST_F(SlurmSiteTest, ARequeueOfOurJobDoesNotDoItsWorkTwice) {
  SlurmCluster slurm;
  slurm.Submit("a", kLong, kOneRank);
  ASSERT_TRUE(slurm.AwaitStep("a", 5)) << slurm.Story("a");
  const v1::Attempt before = slurm.Job("a").attempts(0);

  const RunResult run =
      slurm.lab().Slurm({"scontrol", "requeue", before.engine_id()});

  EXPECT_NE(run.exit_code, 0) << slurm.Story("a");
  const int64_t step = slurm.Job("a").progress().step();
  EXPECT_TRUE(slurm.AwaitStep("a", step + 20)) << slurm.Story("a");
  const v1::Job job = slurm.Job("a");
  ASSERT_EQ(job.attempts_size(), 1) << slurm.Story("a");
  EXPECT_EQ(job.attempts(0).ranks(0).pid(), before.ranks(0).pid());
  EXPECT_EQ(slurm.lab().StateOf(slurm.SlurmName("a")), "RUNNING");
  EXPECT_THAT(
      slurm.lab().Slurm({"scontrol", "show", "job", before.engine_id()}).out,
      HasSubstr("Restarts=0"));
  std::cout << "A25 slurm_site: scontrol requeue is refused, and training goes "
               "on in the same process\n";
}

TEST_F(SlurmSiteTest, OfTheCoordinatorsEnvironmentRanksSeeWhatIsTheirs) {
  const std::string secret = "LOCKSTEP_TEST_SECRET=hunter2";
  const std::string network = "NCCL_SOCKET_IFNAME=eth0";
  SlurmCluster slurm(
      {}, {},
      {{"LOCKSTEP_TEST_SECRET", "hunter2"}, {"NCCL_SOCKET_IFNAME", "eth0"}});
  slurm.Submit("a", kLong, kOneRank);
  ASSERT_TRUE(slurm.AwaitStep("a", 1)) << slurm.Story("a");
  ASSERT_THAT(EnvironmentOf(slurm.cluster().daemon_pid()), Contains(secret));

  const int64_t rank = slurm.Job("a").attempts(0).ranks(0).pid();
  const pid_t supervisor = ParentOf(static_cast<pid_t>(rank));

  for (const int64_t pid : {rank, static_cast<int64_t>(supervisor)}) {
    const std::vector<std::string> environment = EnvironmentOf(pid);
    EXPECT_THAT(environment, Contains(network)) << pid;
    for (const std::string& variable : environment) {
      EXPECT_THAT(variable, Not(HasSubstr("hunter2"))) << pid;
    }
  }
  std::cout << "A25 slurm_site: a secret of lockstepd's environment is in none "
               "of a rank's\n";
}

}  // namespace
}  // namespace lockstep::testing
