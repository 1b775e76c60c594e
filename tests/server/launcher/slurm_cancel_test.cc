// What nobody wants any more is taken out of Slurm, and nothing else.

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/launcher/slurm_fixture.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class SlurmCancelTest : public SlurmFixture {
 protected:
  size_t Looks() const {
    return std::vector<std::string>(absl::StrSplit(Asked(), "squeue")).size();
  }
  // So many more.
  void AwaitLooks(size_t more) const {
    const size_t before = Looks();
    while (Looks() < before + more) absl::SleepFor(absl::Milliseconds(5));
  }

  const std::string kCancel = "scancel --name=" + kName;
};

TEST_F(SlurmCancelTest, AWaitingOneIsCancelledByName) {
  Start();
  Queue(Line("PENDING"));
  Launch();
  EXPECT_EQ(NextNews().id, "7");
  EXPECT_THAT(NextNews().message, HasSubstr("next look"));

  ASSERT_TRUE(launcher_->Signal(kAttempt, /*kill=*/false).ok());
  while (!absl::StrContains(Asked(), "scancel --name=" + kName)) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  Queue(Line("CANCELLED"));

  // By us, and so no word against it.
  EXPECT_FALSE(NextEnd().engine.has_value());
}

TEST_F(SlurmCancelTest, ARunningOneIsLeftToItsSupervisorsUntilItIsKilled) {
  Start();
  Queue(Line("RUNNING"));
  Launch();
  EXPECT_EQ(NextNews().id, "7");
  EXPECT_TRUE(NextNews().started);

  ASSERT_TRUE(launcher_->Signal(kAttempt, /*kill=*/false).ok());
  ASSERT_TRUE(launcher_->Signal(kAttempt, /*kill=*/true).ok());
  while (!absl::StrContains(Asked(), "scancel --name=" + kName)) {
    absl::SleepFor(absl::Milliseconds(5));
  }

  EXPECT_THAT(Asked(), HasSubstr("scancel --signal=KILL --name=" + kName));
}

TEST_F(SlurmCancelTest, SomebodyElsesScancelIsAnEnd) {
  Start();
  Queue(Line("RUNNING"));
  Launch();
  EXPECT_EQ(NextNews().id, "7");
  EXPECT_TRUE(NextNews().started);

  Queue(Line("CANCELLED"));

  EXPECT_THAT(NextEnd().engine->message, HasSubstr("not by Lockstep"));
}

TEST_F(SlurmCancelTest, WhatIsLeftOfAnEndedAttemptIsCancelled) {
  Start();
  Queue(Line("RUNNING"));
  Launch();
  EXPECT_EQ(NextNews().id, "7");

  launcher_->Close(kAttempt);
  while (!absl::StrContains(Asked(), "scancel --name=" + kName)) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  Queue("");

  EXPECT_FALSE(NextEnd().engine.has_value());
}

TEST_F(SlurmCancelTest, StraysAndDoublesOfOursAreCancelledAndNobodyElses) {
  Start();
  Queue(Line("RUNNING") + Line("PENDING", "8") +
        "9|RUNNING|N/A|lockstep-cafe0001-ffffffffffff-3|None\n"
        "10|RUNNING|N/A|lockstep-beef0002-0123456789ab-1|None\n"
        "11|COMPLETED|N/A|lockstep-cafe0001-eeeeeeeeeeee-1|None\n");
  Launch();
  while (!absl::StrContains(
      Asked(), "scancel --name=lockstep-cafe0001-ffffffffffff-3 9")) {
    absl::SleepFor(absl::Milliseconds(5));
  }

  EXPECT_THAT(Asked(), AllOf(HasSubstr("scancel --name=" + kName + " 8"),
                             Not(HasSubstr("beef0002")),
                             Not(HasSubstr("eeeeeeeeeeee"))));
}

// After a restart attempts are adopted one by one, and the launcher looks in
// between.
TEST_F(SlurmCancelTest, WhatIsAdoptedAfterALookIsLeftAlone) {
  options_.stray_after = absl::Hours(1);
  Queue(Line("RUNNING") +
        "9|RUNNING|N/A|lockstep-cafe0001-ffffffffffff-3|None\n");
  Start();
  while (!absl::StrContains(Asked(), "squeue")) {
    absl::SleepFor(absl::Milliseconds(5));
  }

  server::ProcessRecord record;
  record.set_attempt(1);
  record.set_engine_id("7");
  ASSERT_TRUE(launcher_->Adopt(kAttempt, kUid, record, nullptr).ok());

  EXPECT_TRUE(NextNews().started);
  EXPECT_THAT(Asked(), Not(HasSubstr("scancel")));
}

TEST_F(SlurmCancelTest, WhatRunsGoesBeforeItsDoubleThatIsKnown) {
  Start();
  Queue(Line("RUNNING", "8") + Line("PENDING", "7"));
  Launch();
  while (!absl::StrContains(Asked(), "scancel --name=" + kName + " 7")) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  EXPECT_THAT(Asked(), Not(HasSubstr("scancel --name=" + kName + " 8")));
}

TEST_F(SlurmCancelTest, OneThatIsStoppedBeforeItIsSubmittedNeverIs) {
  Start();
  Refuse("squeue", "squeue: error: Unable to contact slurm controller\n");
  Refuse("sbatch", "sbatch: error: Unable to contact slurm controller\n");
  Launch();
  EXPECT_THAT(NextNews().message, HasSubstr("does not answer"));
  ASSERT_TRUE(launcher_->Signal(kAttempt, /*kill=*/false).ok());
  Accept("squeue");

  EXPECT_THAT(NextEnd().engine->message, HasSubstr("before it was submitted"));
  const std::string asked = Asked();
  EXPECT_EQ(asked.find("sbatch"), asked.rfind("sbatch --parsable"));
}

TEST_F(SlurmCancelTest, OneThatSlurmForgotIsSentAgain) {
  options_.cancel_again = absl::ZeroDuration();
  Start();
  Queue(Line("PENDING"));
  Launch();
  EXPECT_EQ(NextNews().id, "7");

  ASSERT_TRUE(launcher_->Signal(kAttempt, /*kill=*/false).ok());
  // It is listed all the same.
  while (Asked().find(kCancel) == Asked().rfind(kCancel)) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  Queue(Line("CANCELLED"));

  EXPECT_FALSE(NextEnd().engine.has_value());
}

TEST_F(SlurmCancelTest, WhatIsBeingEndedIsLeftTheTimeForIt) {
  Start();
  Queue(Line("RUNNING"));
  Launch();
  EXPECT_EQ(NextNews().id, "7");

  launcher_->Close(kAttempt);
  while (!absl::StrContains(Asked(), kCancel)) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  AwaitLooks(2);

  EXPECT_EQ(Asked().find(kCancel), Asked().rfind(kCancel));
}

TEST_F(SlurmCancelTest, OneThatDidNotArriveIsSentAgainAtOnce) {
  Start();
  Queue(Line("PENDING"));
  Launch();
  EXPECT_EQ(NextNews().id, "7");
  Refuse("scancel", "scancel: error: Unable to contact slurm controller\n");

  ASSERT_TRUE(launcher_->Signal(kAttempt, /*kill=*/false).ok());
  while (Asked().find(kCancel) == Asked().rfind(kCancel)) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  Queue(Line("CANCELLED"));

  // Whoever did that, it was not this launcher.
  EXPECT_TRUE(NextEnd().engine.has_value());
}

TEST_F(SlurmCancelTest, WhileSlurmIsAwayACancelWaitsAndHoldsUpNoLook) {
  Start();
  Queue(Line("PENDING"));
  Launch();
  EXPECT_EQ(NextNews().id, "7");
  Refuse("squeue", "squeue: error: Unable to contact slurm controller\n");
  EXPECT_THAT(NextReach().trouble, HasSubstr("Unable to contact"));

  ASSERT_TRUE(launcher_->Signal(kAttempt, /*kill=*/true).ok());
  AwaitLooks(2);
  EXPECT_THAT(Asked(), Not(HasSubstr("scancel")));
  Accept("squeue");

  EXPECT_EQ(NextReach().trouble, "");
  while (!absl::StrContains(Asked(), kCancel)) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  Queue(Line("CANCELLED"));
  EXPECT_FALSE(NextEnd().engine.has_value());
}

// As after a restart in the moment between sbatch's answer and the disk.
TEST_F(SlurmCancelTest, OneWhoseIdNobodyKnowsIsCancelledByItsNameAlone) {
  options_.poll_interval = absl::Seconds(2);
  Queue("");
  Start();
  server::ProcessRecord record;
  record.set_attempt(1);
  ASSERT_TRUE(launcher_->Adopt(kAttempt, kUid, record, nullptr).ok());

  ASSERT_TRUE(launcher_->Signal(kAttempt, /*kill=*/false).ok());

  EXPECT_FALSE(NextEnd().engine.has_value());
  EXPECT_THAT(Asked(), HasSubstr(kCancel + "\n"));
}

}  // namespace
}  // namespace lockstep::testing
