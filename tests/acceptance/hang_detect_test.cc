// A11 and A12: a rank is stopped (SIGSTOP) at a random step, or in the middle
// of a save. The coordinator names it within its limit and 2 s, the next
// attempt goes on from the newest checkpoint and ends in the bits of a run that
// nothing disturbs; what the stopped one was about to write is never listed,
// and nothing of it is left to go on.

#include <errno.h>
#include <signal.h>

#include <filesystem>
#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/scheduler/proto_time.h"
#include "tests/acceptance/folder_watch.h"
#include "tests/acceptance/length.h"
#include "tests/acceptance/seed.h"
#include "tests/integration/long_run.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr LongRun kRun = {.steps = 300, .save_steps = 30};
constexpr int kSaved = 60;
// What the promise is in a real run, where it is 30 s, in little.
constexpr absl::Duration kLimit = absl::Seconds(3);
const absl::Duration kPromised = kLimit + absl::Seconds(2);

const std::string& Undisturbed() {
  static const std::string adapter = UndisturbedAdapter(kRun);
  return adapter;
}

// By the number of the stop.
class HangDetectTest : public ::testing::TestWithParam<int> {
 protected:
  void Submit() { SubmitDetached(cluster_, "hung", LongJob(out_, kRun)); }

  // Of a job that trains.
  void Choose(int rank) {
    rank_ = rank;
    pid_ = static_cast<pid_t>(
        cluster_.GetJob("hung").attempts(0).ranks(rank).pid());
    ASSERT_GT(pid_, 0);
  }
  void Stop() {
    stopped_ = absl::Now();
    ASSERT_EQ(kill(pid_, SIGSTOP), 0);
  }

  // One attempt more, and the same bits.
  v1::Job ExpectFoundAndGoodEnd(const std::string& when) {
    const RunResult wait = cluster_.Lockstep({"wait", "hung"});
    EXPECT_EQ(wait.exit_code, 0) << wait.err << cluster_.daemon_log();
    v1::Job job = cluster_.GetJob("hung");
    EXPECT_THAT(job.attempts(), SizeIs(2));
    const v1::Attempt& attempt = job.attempts(0);
    EXPECT_EQ(attempt.end_cause(), v1::Attempt::HANG) << attempt.end_message();
    EXPECT_THAT(attempt.end_message(),
                HasSubstr(absl::StrCat("rank ", rank_, " (cpu:")));
    EXPECT_THAT(attempt.end_message(), HasSubstr("has said nothing for"));
    const absl::Duration found = FromProto(attempt.end_time()) - stopped_;
    EXPECT_LT(found, kPromised);
    EXPECT_EQ(AdapterIn(out_), Undisturbed());
    // It does not go on when it is let.
    EXPECT_EQ(kill(pid_, SIGCONT), -1);
    EXPECT_EQ(errno, ESRCH);
    std::cout << "A11 hang_detect: rank " << rank_ << " stopped " << when
              << ", attempt over after " << absl::FormatDuration(found)
              << ", at most " << absl::FormatDuration(kPromised) << ": "
              << attempt.end_message() << "\n";
    return job;
  }

  TestCluster cluster_{2,
                       {"--heartbeat-interval", "500ms", "--hang-timeout",
                        absl::FormatDuration(kLimit)}};
  const std::string out_ = cluster_.Path("hung");
  int rank_ = 0;
  pid_t pid_ = 0;
  absl::Time stopped_;
};

TEST_P(HangDetectTest, WhileItTrains) {
  Chance chance(SeedOfTest() + GetParam());
  Submit();
  const int step = 40 + chance.Below(80);
  ASSERT_TRUE(TrainedPast(cluster_, "hung", step));
  Choose(chance.Below(2));
  Stop();
  const v1::Job job = ExpectFoundAndGoodEnd(absl::StrCat("after step ", step));
  EXPECT_GE(job.attempts(1).resume_step(), 30);
}

TEST_P(HangDetectTest, InTheMiddleOfASave) {
  Submit();
  // The folder is there when prepare is done.
  ASSERT_TRUE(TrainedPast(cluster_, "hung", 1));
  Choose(0);
  FolderWatch out(out_, FolderWatch::For::kMade);
  ASSERT_TRUE(out.WaitFor(absl::StrCat("checkpoint-", kSaved, ".")));
  Stop();
  const v1::Job job = ExpectFoundAndGoodEnd("in a save");
  // The next attempt wrote that step again.
  for (const auto& entry : fs::directory_iterator(out_)) {
    EXPECT_THAT(entry.path().string(), Not(HasSubstr(".a1.")));
  }
  EXPECT_LT(job.attempts(1).resume_step(), kSaved);
}

INSTANTIATE_TEST_SUITE_P(Stops, HangDetectTest,
                         ::testing::Range(0, LengthOfTest(/*usual=*/1,
                                                          /*full=*/20)));

}  // namespace
}  // namespace lockstep::testing
