// What the launcher asks Slurm for, and what it makes of the answers.

#include "server/launcher/slurm_launcher.h"

#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/launcher/slurm_fixture.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class SlurmLauncherTest : public SlurmFixture {};

TEST_F(SlurmLauncherTest, SlotsAreWhatThePartitionHas) {
  options_.defaults.partition = "big";
  Start();

  EXPECT_THAT(launcher_->Nodes()[0].devices(), SizeIs(16 + 8));
  EXPECT_THAT(Asked(), HasSubstr("--partition=big"));
  options_.cpu_slots = 3;
  options_.gpu_slots = 0;
  Start();
  EXPECT_THAT(launcher_->Nodes()[0].devices(), SizeIs(3));
}

TEST_F(SlurmLauncherTest, ASlurmThatRunsOurWorkTwiceIsRefused) {
  Write("bin/scontrol.out", "RequeueExit = 75\n");
  EXPECT_EQ(SlurmLauncher::Start(options_).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(SlurmLauncherTest, APartitionWithNothingInItIsRefused) {
  options_.defaults.partition = "none";
  Write("bin/sinfo.out", "");
  EXPECT_THAT(SlurmLauncher::Start(options_).status().message(),
              HasSubstr("--slurm-partition \"none\""));
}

TEST_F(SlurmLauncherTest, ASlurmThatIsAwayAtTheStartIsNamed) {
  Refuse("scontrol",
         "slurm_load_ctl_conf error: Unable to contact slurm "
         "controller (connect failure)\n");
  const absl::Status status = SlurmLauncher::Start(options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("Unable to contact"));
}

TEST_F(SlurmLauncherTest, AProgramThatIsMissingIsNamed) {
  Remove("bin/scontrol");
  EXPECT_THAT(SlurmLauncher::Start(options_).status().message(),
              HasSubstr("bin/scontrol"));
}

TEST_F(SlurmLauncherTest, AnAttemptIsSubmittedWaitsRunsAndEnds) {
  Start();
  Queue(Line("PENDING", "7", "Resources"));
  Launch();

  EXPECT_EQ(NextNews().id, "7");
  const EngineNews waits = NextNews();
  EXPECT_EQ(waits.message, "waits for nodes to be free (Slurm: Resources)");
  EXPECT_FALSE(waits.started);
  // That is when it is expected to.
  EXPECT_EQ(waits.start_time, std::nullopt);
  Queue(Line("RUNNING"));
  const EngineNews runs = NextNews();
  EXPECT_TRUE(runs.started);
  EXPECT_EQ(runs.message, "");
  EXPECT_EQ(runs.start_time, absl::FromUnixSeconds(1767225600));
  Write("bin/scontrol.out", "JobId=7 ExitCode=68:0 PreemptTime=None\n");
  Write(absl::StrCat("state/jobs/", kUid, "/attempt-1/exit-1.json"),
        R"({"ranks":[{"rank":2,"exit_code":68},{"rank":3}],"ended":true})");
  Write(absl::StrCat("state/jobs/", kUid, "/attempt-1/exit-0.json"), "{");
  Queue(Line("FAILED"));
  const ProcessEnd end = NextEnd();
  EXPECT_EQ(end.attempt, kAttempt);
  EXPECT_EQ(end.exit_code, 68);
  EXPECT_FALSE(end.engine.has_value());
  ASSERT_THAT(end.ranks, SizeIs(2));
  EXPECT_EQ(end.ranks[0].exit_code(), 68);
  EXPECT_THAT(Asked(), Not(HasSubstr("scancel")));
  EXPECT_THAT(Asked(), Not(HasSubstr("secret")));
}

TEST_F(SlurmLauncherTest, WhatSlurmRefusesEndsTheAttemptInItsWords) {
  Start();
  Refuse("sbatch",
         "sbatch: error: Batch job submission failed: Invalid account\n");
  Launch();

  const ProcessEnd end = NextEnd();

  ASSERT_TRUE(end.engine.has_value());
  EXPECT_EQ(end.engine->cause, v1::Attempt::ENGINE_ERROR);
  EXPECT_THAT(end.engine->message, HasSubstr("Invalid account"));
  EXPECT_FALSE(end.engine->another_may_help);
}

TEST_F(SlurmLauncherTest, AnAnswerThatWasLostIsNotAskedForTwice) {
  Start();
  const std::string away = "sbatch: error: Socket timed out\n";
  Refuse("sbatch", away);
  Refuse("squeue", away);
  Launch();

  EXPECT_THAT(NextNews().message, HasSubstr("does not answer"));
  EXPECT_THAT(NextReach().trouble, HasSubstr("Socket timed out"));
  // It had arrived all the same.
  Queue(Line("RUNNING", "9"));
  Accept("sbatch");
  Accept("squeue");
  EXPECT_EQ(NextReach().trouble, "");
  EXPECT_EQ(NextNews().id, "9");
  const std::string asked = Asked();
  EXPECT_EQ(asked.find("sbatch"), asked.rfind("sbatch --parsable"));
}

TEST_F(SlurmLauncherTest, WhatDidNotArriveIsSubmittedAgain) {
  Start();
  Refuse("sbatch", "sbatch: error: Unable to contact slurm controller\n");
  Refuse("squeue", "squeue: error: Unable to contact slurm controller\n");
  Launch();
  EXPECT_THAT(NextNews().message, HasSubstr("does not answer"));

  Accept("sbatch");
  Accept("squeue");

  EXPECT_EQ(NextNews().id, "7");
}

TEST_F(SlurmLauncherTest, OneThatHangsIsGivenUp) {
  options_.command_timeout = absl::Milliseconds(200);
  Start();
  Write("bin/sbatch.hangs", "");
  Launch();

  EXPECT_THAT(NextNews().message, HasSubstr("did not end within 200ms"));
  // Nothing else is to be started until Slurm, asked again, answers.
  EXPECT_THAT(NextReach().trouble, HasSubstr("did not end within 200ms"));
  EXPECT_EQ(NextReach().trouble, "");
  Remove("bin/sbatch.hangs");
  // It may have hung once more before.
  EngineNews news = NextNews();
  while (news.id.empty()) news = NextNews();
  EXPECT_EQ(news.id, "7");
}

TEST_F(SlurmLauncherTest, StoppingDoesNotWaitForOneThatHangs) {
  options_.command_timeout = absl::Hours(1);
  Start();
  Write("bin/squeue.hangs", "");
  Launch();
  EXPECT_EQ(NextNews().id, "7");

  launcher_.reset();
}

TEST_F(SlurmLauncherTest, AdoptsByNameWhateverTheId) {
  Start();
  // The id that is known is another job's by now.
  Queue("5|RUNNING|N/A|somebody-else|None\n" + Line("RUNNING", "6"));
  server::ProcessRecord record;
  record.set_attempt(1);
  record.set_engine_id("5");
  ProcessEnd end;

  ASSERT_TRUE(launcher_->Adopt(kAttempt, kUid, record, &end).ok());

  EXPECT_EQ(NextNews().id, "6");
  EXPECT_THAT(Asked(), Not(HasSubstr("sbatch")));
}

TEST_F(SlurmLauncherTest, OfOneThatSlurmLostTheFilesAreTold) {
  Start();
  std::filesystem::create_directories(
      dir_.Path(absl::StrCat("state/jobs/", kUid, "/attempt-1")));
  Write(absl::StrCat("state/jobs/", kUid, "/attempt-1/exit-0.json"),
        R"({"ranks":[{"rank":0}],"ended":true})");
  Queue("");
  server::ProcessRecord record;
  record.set_attempt(1);
  ProcessEnd end;
  ASSERT_TRUE(launcher_->Adopt(kAttempt, kUid, record, &end).ok());

  const EngineNews news = NextNews();

  ASSERT_TRUE(news.gone.has_value());
  EXPECT_THAT(news.gone->ranks, SizeIs(1));
  // The scheduler says that it has ended; then nothing is left of it.
  launcher_->Close(kAttempt);
  EXPECT_EQ(NextEnd().attempt, kAttempt);
}

TEST_F(SlurmLauncherTest, WhatSlurmDoesNotTakeNowIsSubmittedAgain) {
  Start();
  Refuse("sbatch",
         "sbatch: error: Batch job submission failed: Required partition not "
         "available (inactive or drain)\n");
  Launch();
  EXPECT_THAT(NextNews().message,
              AllOf(HasSubstr("is not submitted yet"),
                    HasSubstr("Required partition not available")));
  Accept("sbatch");

  EXPECT_EQ(NextNews().id, "7");
}

TEST_F(SlurmLauncherTest, ANonceThatIsNoneIsNamed) {
  Write("state/slurm.nonce", "hello\n");
  EXPECT_THAT(SlurmLauncher::Start(options_).status().message(),
              AllOf(HasSubstr("slurm.nonce"), HasSubstr("\"hello\"")));
}

}  // namespace
}  // namespace lockstep::testing
