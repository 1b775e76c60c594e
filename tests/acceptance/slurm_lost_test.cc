// A25: what is lost to one side and not to the other. A host that was taken for
// lost goes on and cannot commit (A12); a slurmctld that is killed forgets a
// job that it has acknowledged, and the work is done once all the same.

#include <signal.h>

#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/contract/exit_code.h"
#include "tests/acceptance/slurm_cluster.h"

namespace lockstep::testing {
namespace {

constexpr char kOneRank[] = "resources: {device: cpu, ranks: 1}\n";

// Whether it has ended, be it that nobody has taken note yet.
bool HasEnded(pid_t pid) {
  const std::string stat = ReadFile(absl::StrCat("/proc/", pid, "/stat"));
  return stat.empty() || absl::StrContains(stat, ") Z ");
}

class SlurmLostTest : public ::testing::Test {
 protected:
  void SetUp() override { LOCKSTEP_NEEDS_SLURM(); }

  void Raise(SlurmLab::Options options, std::vector<std::string> flags = {}) {
    slurm_ = std::make_unique<SlurmCluster>(options, std::move(flags));
  }
  SlurmLab& lab() { return slurm_->lab(); }
  TestCluster& cluster() { return slurm_->cluster(); }

  // Nothing new starts there.
  void Drain(const std::string& node) {
    const RunResult run = lab().Slurm({"scontrol", "update", "NodeName=" + node,
                                       "State=DRAIN", "Reason=test"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
  }
  // Whether a slurmctld that was killed remembers the drain is its own affair.
  void Undrain(const std::string& node) {
    ASSERT_TRUE(lab().Becomes([&] {
      lab().Slurm({"scontrol", "update", "NodeName=" + node, "State=RESUME"});
      const std::string state =
          lab().Slurm({"sinfo", "--noheader", "--Node", "--format=%T"}).out;
      return absl::StrContains(state, "idle") ||
             absl::StrContains(state, "mixed") ||
             absl::StrContains(state, "allocated");
    })) << lab().Logs();
  }
  // Its id.
  std::string Sbatch(const std::string& name, std::vector<std::string> more) {
    std::vector<std::string> words = {"sbatch", "--parsable",
                                      "--job-name=" + name,
                                      "--output=/dev/null", "--wrap=true"};
    words.insert(words.end(), more.begin(), more.end());
    RunResult run;
    EXPECT_TRUE(lab().Becomes([&] {
      run = lab().Slurm(words);
      return run.exit_code == 0;
    })) << run.err;
    return std::string(absl::StripAsciiWhitespace(run.out));
  }
  // The newest attempt is this one, and Slurm has taken it.
  bool IsAcknowledged(int attempt) {
    const v1::Job job = slurm_->Job("a");
    return job.attempts_size() == attempt &&
           !job.attempts(attempt - 1).engine_id().empty();
  }

  std::unique_ptr<SlurmCluster> slurm_;
};

TEST_F(SlurmLostTest, AnAttemptThatWasTakenForLostCannotCommit) {
  Raise({.hosts = 2},
        {"--heartbeat-interval", "500ms", "--hang-timeout", "2s"});
  slurm_->Submit("a", /*steps=*/100000, kOneRank,
                 "checkpoint: {save_steps: 20}\n");
  ASSERT_TRUE(slurm_->AwaitStep("a", 25)) << slurm_->Story("a");
  const v1::RankPlacement stale = slurm_->Job("a").attempts(0).ranks(0);
  const pid_t rank = static_cast<pid_t>(stale.pid());
  const pid_t supervisor = ParentOf(rank);
  ASSERT_GT(supervisor, 1);

  // Slurm cannot end it either.
  lab().FreezeHost(stale.node().back() - '0');
  Drain(stale.node());
  ASSERT_TRUE(lab().Becomes([&] {
    const v1::Job job = slurm_->Job("a");
    return job.attempts_size() == 2 && job.state() == v1::Job::RUNNING &&
           job.progress().step() > job.attempts(1).resume_step() + 20;
  })) << slurm_->Story("a");
  const v1::Job replaced = slurm_->Job("a");
  EXPECT_EQ(v1::Attempt::EndCause_Name(replaced.attempts(0).end_cause()),
            "NODE_LOST");
  EXPECT_NE(replaced.attempts(1).ranks(0).node(), stale.node());
  const std::vector<std::string> listed = slurm_->ListedBy("a", 1);
  ASSERT_FALSE(listed.empty());
  ASSERT_FALSE(HasEnded(rank));

  // It trains on alone, with nobody to stop it.
  kill(rank, SIGCONT);
  ASSERT_TRUE(lab().Becomes([&] { return HasEnded(rank); }))
      << slurm_->Story("a");
  kill(supervisor, SIGCONT);

  const std::string exit_file =
      absl::StrCat(cluster().Path("state"), "/jobs/", replaced.uid(),
                   "/attempt-1/exit-0.json");
  ASSERT_TRUE(lab().Becomes([&] { return !ReadFile(exit_file).empty(); }));
  EXPECT_TRUE(absl::StrContains(ReadFile(exit_file),
                                absl::StrCat("\"exit_code\":", kSuperseded)))
      << ReadFile(exit_file);
  EXPECT_EQ(slurm_->ListedBy("a", 1), listed);
  const int64_t step = slurm_->Job("a").progress().step();
  EXPECT_TRUE(slurm_->AwaitStep("a", step + 20)) << slurm_->Story("a");
  EXPECT_EQ(slurm_->Job("a").attempts_size(), 2);
  std::cout << "A25 slurm_lost: a rank that was taken for lost trained on, "
               "committed nothing and ended with exit code "
            << kSuperseded << "\n";
}

TEST_F(SlurmLostTest, AJobThatAKilledSlurmctldForgotIsDoneOnce) {
  Raise({.hosts = 1});
  Drain("ln1");
  slurm_->Submit("a", /*steps=*/6, kOneRank);
  ASSERT_TRUE(lab().Becomes([&] { return IsAcknowledged(1); }))
      << slurm_->Story("a");
  ASSERT_EQ(cluster().Lockstep({"jobs", "pause", "a"}).exit_code, 0);
  slurm_->Await("a", v1::Job::PAUSED);
  // slurmctld saves what it knows, and then not for five seconds.
  const auto before = lab().JobsSavedAt();
  Sbatch("held", {"--hold"});
  ASSERT_TRUE(lab().Becomes([&] { return lab().JobsSavedAt() > before; }));
  const auto saved = lab().JobsSavedAt();

  ASSERT_EQ(cluster().Lockstep({"jobs", "resume", "a"}).exit_code, 0);
  ASSERT_TRUE(lab().Becomes([&] { return IsAcknowledged(2); }))
      << slurm_->Story("a");
  lab().KillController();
  ASSERT_EQ(lab().JobsSavedAt(), saved)
      << "the submission took five seconds, and is not lost";
  const std::string lost = slurm_->SlurmName("a");
  const std::string lost_id = slurm_->Job("a").attempts(1).engine_id();
  lab().StartController();
  // slurmctld gives the id a second time.
  EXPECT_EQ(Sbatch("foreign", {"--hold"}), lost_id) << slurm_->Story("a");
  EXPECT_EQ(lab().StateOf(lost), "") << slurm_->Story("a");
  // All that is done about the lost one is done.
  ASSERT_TRUE(lab().Becomes([&] { return IsAcknowledged(3); }, 60))
      << slurm_->Story("a");
  EXPECT_EQ(lab().StateOf("foreign"), "PENDING") << slurm_->Story("a");
  EXPECT_EQ(lab().Slurm({"scontrol", "release", lost_id}).exit_code, 0);
  Undrain("ln1");

  const v1::Job job = slurm_->Await("a", v1::Job::SUCCEEDED);
  ASSERT_EQ(job.attempts_size(), 3) << slurm_->Story("a");
  EXPECT_EQ(v1::Attempt::EndCause_Name(job.attempts(1).end_cause()), "LOST");
  EXPECT_EQ(job.attempts(1).ranks(0).pid(), 0);
  EXPECT_EQ(job.restarts(), 0);
  EXPECT_EQ(lab().StateOf(lost), "");
  EXPECT_TRUE(lab().Becomes([&] {
    return lab().StateOf("foreign") == "COMPLETED";
  })) << slurm_->Story("a");
  std::cout << "A25 slurm_lost: a job that slurmctld forgot was done once; its "
               "id went to a job of another, which was left alone\n";
}

}  // namespace
}  // namespace lockstep::testing
