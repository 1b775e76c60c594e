// lockstep explain, and the verbs that hold jobs and let them go on, against a
// coordinator that plays a part.

#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_job_service.h"
#include "tests/integration/process.h"

namespace lockstep::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class LockstepExplainTest : public ::testing::Test {
 protected:
  LockstepExplainTest() {
    coordinator_.jobs.jobs["jobs/demo"].set_name("jobs/demo");
  }

  RunResult Lockstep(std::vector<std::string> args) {
    args.insert(args.begin(), BinDir() + "/lockstep");
    return RunProgram(args, {{"LOCKSTEP_SERVER", coordinator_.address()}});
  }

  FakeCoordinator coordinator_;
};

TEST_F(LockstepExplainTest, ItSaysWhoGoesFirstAndWhoHoldsTheDevices) {
  v1::JobExplanation& explanation = coordinator_.jobs.explanation;
  explanation.set_state(v1::Job::QUEUED);
  explanation.set_message("jobs/demo waits for a good reason.");
  explanation.add_ahead("jobs/first");
  v1::JobExplanation::Holder& holder = *explanation.add_holders();
  holder.set_job("jobs/holder");
  holder.set_devices(2);
  holder.set_priority(v1::ResourceSpec::PRIORITY_LOW);
  holder.set_gives_way(true);

  EXPECT_EQ(Lockstep({"explain", "demo"}).out,
            "job/demo QUEUED\njobs/demo waits for a good reason.\n\n"
            "PLACE  GOES FIRST\n1      first\n\n"
            "HOLDER  DEVICES  PRIORITY  GIVES WAY  ENDS\n"
            "holder  2        low       yes        -\n");
  holder.mutable_expected_end_time()->set_seconds(
      absl::ToUnixSeconds(absl::Now()) + 600);
  EXPECT_THAT(Lockstep({"explain", "demo"}).out,
              ContainsRegex("yes +in (10|9)m"));
}

TEST_F(LockstepExplainTest, JsonIsTheWholeExplanation) {
  coordinator_.jobs.explanation.set_position(3);
  coordinator_.jobs.explanation.add_holders()->set_gives_way(true);

  const std::string json = Lockstep({"explain", "demo", "-o", "json"}).out;

  EXPECT_THAT(json, HasSubstr("\"position\": 3"));
  EXPECT_THAT(json, HasSubstr("\"gives_way\": true"));
}

TEST_F(LockstepExplainTest, WhatDoesNotExistIsNotFound) {
  EXPECT_EQ(Lockstep({"explain", "none"}).exit_code, 3);
  EXPECT_EQ(Lockstep({"jobs", "pause", "none"}).exit_code, 3);
  EXPECT_EQ(Lockstep({"jobs", "resume", "none"}).exit_code, 3);
}

TEST_F(LockstepExplainTest, PauseAndResumeSayWhatTheJobsDo) {
  coordinator_.jobs.jobs["jobs/other"].set_name("jobs/other");

  EXPECT_EQ(Lockstep({"jobs", "pause", "demo", "other"}).out,
            "job/demo pausing\njob/other pausing\n");
  EXPECT_EQ(Lockstep({"jobs", "resume", "demo"}).out, "job/demo queued\n");
  EXPECT_THAT(Lockstep({"jobs", "pause", "demo", "-o", "json"}).out,
              HasSubstr("PAUSING"));
}

}  // namespace
}  // namespace lockstep::testing
