#include "server/launcher/slurm_words.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::HasSubstr;

TEST(SlurmWordsTest, AStateThatIsNotKnownIsOneThatRuns) {
  EXPECT_EQ(PhaseOf("PENDING"), SlurmPhase::kWaiting);
  EXPECT_EQ(PhaseOf("CONFIGURING"), SlurmPhase::kRunning);
  EXPECT_EQ(PhaseOf("COMPLETING"), SlurmPhase::kRunning);
  EXPECT_EQ(PhaseOf("NODE_FAIL"), SlurmPhase::kEnded);
  EXPECT_EQ(PhaseOf("SOMETHING_NEW"), SlurmPhase::kRunning);
}

TEST(SlurmWordsTest, AReasonIsASentenceWithSlurmsOwnWord) {
  EXPECT_EQ(WaitsFor("Resources"),
            "waits for nodes to be free (Slurm: Resources)");
  EXPECT_EQ(WaitsFor("QOSMaxGRESPerUser"),
            "waits for GPUs that its QOS allows (Slurm: QOSMaxGRESPerUser)");
  EXPECT_EQ(WaitsFor("AssocGrpGRES"),
            "waits for GPUs that its account allows (Slurm: AssocGrpGRES)");
  EXPECT_THAT(WaitsFor("ReqNodeNotAvail, UnavailableNodes:n[1-2]"),
              HasSubstr("down, drained or reserved"));
  EXPECT_THAT(WaitsFor("JobHeldUser"), HasSubstr("scontrol release"));
  EXPECT_EQ(WaitsFor("SomethingNew"), "waits in Slurm (SomethingNew)");
}

TEST(SlurmWordsTest, AnEndStateIsAnEndCause) {
  EXPECT_EQ(EndOf("NODE_FAIL", {})->cause, v1::Attempt::NODE_LOST);
  EXPECT_EQ(EndOf("TIMEOUT", {})->cause, v1::Attempt::TIME_LIMIT);
  EXPECT_EQ(EndOf("OUT_OF_MEMORY", {})->cause, v1::Attempt::HOST_OUT_OF_MEMORY);
  EXPECT_EQ(EndOf("PREEMPTED", {})->cause, v1::Attempt::PREEMPTED);
  EXPECT_EQ(EndOf("CANCELLED", {})->cause, v1::Attempt::ENGINE_ERROR);
  // A user's scancel is not to be undone by the next attempt.
  EXPECT_FALSE(EndOf("CANCELLED", {})->another_may_help);
  EXPECT_TRUE(EndOf("NODE_FAIL", {})->another_may_help);
}

TEST(SlurmWordsTest, AGangThatStoppedInItsGraceTimeWasPreempted) {
  EXPECT_EQ(EndOf("FAILED", {.exit_code = 75, .preempted = true})->cause,
            v1::Attempt::PREEMPTED);
  EXPECT_EQ(EndOf("COMPLETED", {.preempted = true})->cause,
            v1::Attempt::PREEMPTED);
}

TEST(SlurmWordsTest, OfOthersTheRanksKnowMore) {
  EXPECT_FALSE(EndOf("COMPLETED", {}).has_value());
  EXPECT_FALSE(EndOf("FAILED", {.exit_code = 1}).has_value());
}

}  // namespace
}  // namespace lockstep
