#include "server/launcher/slurm_text.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/exit_code.h"

namespace lockstep {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(SlurmTextTest, AJobIsALineAndWhatIsNoneIsLeftOut) {
  const std::vector<SlurmJobLine> jobs = ParseJobs(
      "12|RUNNING|1767225600|lockstep-0a-1|None\n"
      "slurm_load_jobs error: something\n"
      "13|PENDING|N/A|someone's|else|(Resources)\n"
      "|PENDING|N/A|a|b\n-4|PENDING|N/A|a|b\n13_4|PENDING|N/A|array|None\n"
      "99999999999999999999|PENDING|N/A|a|b\n"
      "14|COMPLETED|1|x");

  ASSERT_EQ(jobs.size(), 2U);
  EXPECT_EQ(jobs[0].id, "12");
  EXPECT_EQ(jobs[0].state, "RUNNING");
  EXPECT_EQ(jobs[0].start, absl::FromUnixSeconds(1767225600));
  EXPECT_EQ(jobs[0].name, "lockstep-0a-1");
  EXPECT_EQ(jobs[0].reason, "None");
  EXPECT_EQ(jobs[1].reason, "else|(Resources)");
  for (const char* unknown : {"N/A", "", "0", "-5", "2026-11-30T12:00:00"}) {
    const auto job = ParseJobs(absl::StrCat("1|RUNNING|", unknown, "|a|None"));
    ASSERT_EQ(job.size(), 1U);
    EXPECT_EQ(job[0].start, std::nullopt) << unknown;
  }
}

TEST(SlurmTextTest, AnEndHasItsExitCodeAndWhetherItWasPreempted) {
  const SlurmJobEnd end = ParseJobEnd(
      "JobId=3 JobName=t3 JobState=FAILED Reason=NonZeroExitCode Requeue=0 "
      "ExitCode=75:0 PreemptEligibleTime=2026-11-30T11:51:28 "
      "PreemptTime=2026-11-30T11:51:31 SuspendTime=None");

  EXPECT_EQ(end.exit_code, 75);
  EXPECT_EQ(end.signal, 0);
  EXPECT_TRUE(end.preempted);
  EXPECT_EQ(ParseJobEnd("ExitCode=0:9 PreemptTime=None").signal, 9);
  EXPECT_FALSE(ParseJobEnd("ExitCode=0:9 PreemptTime=None").preempted);
  EXPECT_FALSE(ParseJobEnd("").preempted);
}

TEST(SlurmTextTest, WhatSbatchPrintsIsAnId) {
  EXPECT_EQ(*ParseSubmitted("42\n"), "42");
  EXPECT_EQ(*ParseSubmitted("42;lab\n"), "42");
  EXPECT_THAT(ParseSubmitted("Submitted batch job 42").status().message(),
              HasSubstr("\"Submitted batch job 42\""));
  EXPECT_FALSE(ParseSubmitted("").ok());
}

TEST(SlurmTextTest, ANodeOfSeveralPartitionsIsCountedOnce) {
  const SlurmSlots slots = ParseSlots(
      "n1|64|gpu:h200:8(S:0-1),shard:8\nn1|64|gpu:h200:8(S:0-1),shard:8\n"
      "n2|64|gpu:a100:4(IDX:0,2-3),gpu:h200:1\nn3|16|(null)\nn4|8|gpu:2\n"
      "broken\nn5|x|gpu:h200:8\n");

  EXPECT_EQ(slots.cpus, 64 + 64 + 16 + 8);
  EXPECT_THAT(slots.gpus,
              ElementsAre(Pair("h200", 9), Pair("a100", 4), Pair("", 2)));
}

TEST(SlurmTextTest, SlotsAreDevicesOfOneNode) {
  const v1::Node node = SlurmNode({.cpus = 1, .gpus = {{"h200", 2}}});

  EXPECT_EQ(node.name(), "nodes/slurm");
  ASSERT_EQ(node.devices_size(), 3);
  EXPECT_EQ(node.devices(0).id(), "slurm-cpu:0");
  EXPECT_EQ(node.devices(2).id(), "slurm-gpu:1");
  EXPECT_EQ(node.devices(2).kind(), v1::Device::CUDA);
  EXPECT_EQ(node.devices(2).model(), "h200");
}

TEST(SlurmTextTest, ASiteThatRequeuesOurExitCodesIsRefused) {
  EXPECT_TRUE(CheckRequeueExit("RequeueExit             = (null)\n"
                               "RequeueExitHold         = 5-9,200\n")
                  .ok());
  EXPECT_THAT(
      CheckRequeueExit("RequeueExit = 3,70-80\n").message(),
      AllOf(HasSubstr("RequeueExit=3,70-80"), HasSubstr("a second time")));
  EXPECT_THAT(CheckRequeueExit("RequeueExitHold=75").message(),
              HasSubstr("names 75"));
}

TEST(SlurmTextTest, AwayIsNotRefused) {
  EXPECT_TRUE(IsUnreachable(
      "sbatch: error: Batch job submission failed: Unable to contact slurm "
      "controller (connect failure)"));
  EXPECT_FALSE(IsUnreachable(
      "sbatch: error: Batch job submission failed: Invalid partition name "
      "specified"));
}

TEST(SlurmTextTest, AnErrorIsASentence) {
  EXPECT_EQ(ErrorSentence("sbatch: error: invalid partition specified: x\n"
                          "sbatch: error: Batch job submission failed: Invalid "
                          "partition name specified\n"),
            "Batch job submission failed: Invalid partition name specified; "
            "invalid partition specified: x");
  EXPECT_EQ(ErrorSentence(""), "");
}

}  // namespace
}  // namespace lockstep
