// A05: each rank is killed in each phase of its life. One new attempt follows,
// from the newest checkpoint, and ends in the bits of a run that nothing
// disturbs.

#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/launcher/process_table.h"
#include "tests/acceptance/folder_watch.h"
#include "tests/acceptance/length.h"
#include "tests/acceptance/seed.h"
#include "tests/integration/long_run.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr LongRun kRun = {.steps = 300, .save_steps = 30};

const std::string& Undisturbed() {
  static const std::string adapter = UndisturbedAdapter(kRun);
  return adapter;
}

// Whether the process has dialled anybody: a rank that joins has.
bool HasSocket(pid_t pid) {
  std::error_code ignored;
  for (const auto& entry :
       fs::directory_iterator(absl::StrCat("/proc/", pid, "/fd"), ignored)) {
    const fs::path target = fs::read_symlink(entry.path(), ignored);
    if (absl::StartsWith(target.string(), "socket:")) return true;
  }
  return false;
}

absl::Duration Since(absl::Time start, const google::protobuf::Timestamp& end) {
  const absl::Duration after_epoch =
      absl::Seconds(end.seconds()) + absl::Nanoseconds(end.nanos());
  return absl::UnixEpoch() + after_epoch - start;
}

// By the number of the kill: even ones hit rank 0.
class WorkerKillEveryPhaseTest : public ::testing::TestWithParam<int> {
 protected:
  static int rank() { return GetParam() % 2; }

  // Returns when attempt 1 has processes. The model is a copy, so that only
  // this job's ranks open it.
  void Submit() {
    fs::copy(SourceDir() + "/tests/testdata/models/tiny-llama", model_,
             fs::copy_options::recursive);
    LongRun run = kRun;
    run.model = model_;
    SubmitDetached(cluster_, "storm", LongJob(out_, run));
    pid_ = PidOf(rank());
  }

  pid_t PidOf(int rank) {
    while (true) {
      const v1::Job job = cluster_.GetJob("storm");
      EXPECT_FALSE(job.has_error()) << job.error().message();
      if (job.has_error()) return -1;
      if (job.attempts_size() == 0) continue;
      const int64_t pid = job.attempts(0).ranks(rank).pid();
      if (pid > 0) return static_cast<pid_t>(pid);
    }
  }

  void Kill() {
    killed_ = absl::Now();
    ASSERT_EQ(kill(pid_, SIGKILL), 0);
  }

  // One attempt more, from this step or a later one, and the same bits.
  void ExpectGoodEnd(const std::string& phase, int64_t from_step,
                     int64_t to_step) {
    const RunResult wait = cluster_.Lockstep({"wait", "storm"});
    ASSERT_EQ(wait.exit_code, 0) << wait.err << cluster_.daemon_log();
    const v1::Job job = cluster_.GetJob("storm");
    ASSERT_THAT(job.attempts(), SizeIs(2));
    EXPECT_EQ(job.attempts(0).end_cause(), v1::Attempt::WORKER_CRASH)
        << job.attempts(0).end_message();
    EXPECT_THAT(job.attempts(0).end_message(),
                HasSubstr(absl::StrCat("rank ", rank())));
    EXPECT_GE(job.attempts(1).resume_step(), from_step);
    EXPECT_LE(job.attempts(1).resume_step(), to_step);
    EXPECT_EQ(AdapterIn(out_), Undisturbed());
    const absl::Duration seen = Since(killed_, job.attempts(0).end_time());
    const absl::Duration again = Since(killed_, job.attempts(1).start_time());
    EXPECT_LE(seen, absl::Seconds(1));
    EXPECT_LT(again, absl::Seconds(5));
    std::cout << "A05 worker_kill_every_phase: rank " << rank() << " in "
              << phase << ", seen after " << absl::FormatDuration(seen)
              << ", started again after " << absl::FormatDuration(again)
              << " from step " << job.attempts(1).resume_step() << "\n";
    ExpectTrainsSoon();
  }

  // Its first step, if the new attempt had one left to do, came in time.
  void ExpectTrainsSoon() {
    absl::Duration first = absl::InfiniteDuration();
    cluster_.FollowMetrics("storm", [&](const v1::MetricPoint& point) {
      if (point.attempt() == 2) {
        first = std::min(first, Since(killed_, point.time()));
      }
      return false;
    });
    if (first == absl::InfiniteDuration()) return;
    EXPECT_LE(first, absl::Seconds(5));
    std::cout << "A05 worker_kill_every_phase: first new step after "
              << absl::FormatDuration(first) << "\n";
  }

  TestCluster cluster_;
  const std::string out_ = cluster_.Path("storm");
  const std::string model_ = cluster_.Path("model");
  pid_t pid_ = 0;
  absl::Time killed_;
};

TEST_P(WorkerKillEveryPhaseTest, WhileItWaitsForTheOthers) {
  Submit();
  // The other one never comes.
  const pid_t other = PidOf(1 - rank());
  ASSERT_EQ(kill(other, SIGSTOP), 0);
  while (!HasSocket(pid_)) ASSERT_EQ(kill(pid_, 0), 0);
  Kill();
  ASSERT_EQ(kill(other, SIGCONT), 0);
  ExpectGoodEnd("rendezvous", 0, 0);
}

TEST_P(WorkerKillEveryPhaseTest, WhileItLoads) {
  Submit();
  // Prepare has read it, and ranks take their time to start.
  FolderWatch model(model_, FolderWatch::For::kOpened);
  ASSERT_TRUE(model.WaitFor(".safetensors"));
  Kill();
  ExpectGoodEnd("loading", 0, 0);
}

TEST_P(WorkerKillEveryPhaseTest, WhileACheckpointIsWritten) {
  Submit();
  FolderWatch out(out_, FolderWatch::For::kMade);
  ASSERT_TRUE(out.WaitFor("checkpoint-60."));
  Kill();
  // If the other rank wrote it, it may have come to the end of it.
  ExpectGoodEnd("a checkpoint", 30, rank() == 0 ? 30 : 60);
}

TEST_P(WorkerKillEveryPhaseTest, WhileTheResultIsWritten) {
  Submit();
  FolderWatch out(out_, FolderWatch::For::kMade);
  ASSERT_TRUE(out.WaitFor(".unfinished"));
  Kill();
  ExpectGoodEnd("export", 270, 300);
}

std::string NameOfKill(const ::testing::TestParamInfo<int>& info) {
  return absl::StrCat("Rank", info.param % 2, "Kill", info.param / 2 + 1);
}

INSTANTIATE_TEST_SUITE_P(Ranks, WorkerKillEveryPhaseTest,
                         ::testing::Values(0, 1), NameOfKill);

// At any step, and anywhere in it: forward, backward, in an all-reduce or in
// the optimizer, since a rank does not wait for whoever reads its points.
using WorkerKillAtAnyStepTest = WorkerKillEveryPhaseTest;

TEST_P(WorkerKillAtAnyStepTest, WhileItTrains) {
  Chance chance(SeedOfTest() + GetParam());
  Submit();
  ASSERT_TRUE(TrainedPast(cluster_, "storm", 40 + chance.Below(80)));
  Kill();
  ExpectGoodEnd("training", 30, 270);
}

INSTANTIATE_TEST_SUITE_P(Ranks, WorkerKillAtAnyStepTest,
                         ::testing::Range(0, 2 * LengthOfTest(/*usual=*/1,
                                                              /*full=*/8)),
                         NameOfKill);

// Prepare has no second try when it dies by a signal: its input may be what
// killed it. The job says so, and a retry by hand is a job like any other.
TEST(PrepareKillTest, TheJobNamesTheSignalAndARetryEndsWell) {
  TestCluster cluster;
  SubmitDetached(cluster, "storm", LongJob(cluster.Path("storm"), kRun));
  pid_t prepare = 0;
  while (prepare == 0) {
    for (const ProcessEntry& entry : FindByArgument("prepare")) {
      for (const std::string& argument : entry.argv) {
        if (absl::StartsWith(argument, cluster.dir())) prepare = entry.pid;
      }
    }
  }
  ASSERT_EQ(kill(prepare, SIGKILL), 0);
  EXPECT_NE(cluster.Lockstep({"wait", "storm"}).exit_code, 0);
  const v1::Job job = cluster.GetJob("storm");
  EXPECT_EQ(job.state(), v1::Job::FAILED);
  EXPECT_EQ(job.error().reason(), "WORKER_CRASH");
  EXPECT_THAT(job.error().message(), HasSubstr("by signal 9"));

  const RunResult retry = cluster.Lockstep(
      {"jobs", "retry", "storm", "--output-dir", cluster.Path("again")});

  ASSERT_EQ(retry.exit_code, 0) << retry.err;
  ASSERT_EQ(cluster.Lockstep({"wait", "storm-r2"}).exit_code, 0);
  EXPECT_EQ(AdapterIn(cluster.Path("again")), Undisturbed());
}

}  // namespace
}  // namespace lockstep::testing
