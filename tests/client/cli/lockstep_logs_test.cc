// `lockstep logs` of the built program, against a coordinator that plays a
// part.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_job_service.h"
#include "tests/integration/process.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::Eq;
using ::testing::HasSubstr;

class LockstepLogsTest : public ::testing::Test {
 protected:
  LockstepLogsTest() {
    v1::Job& job = coordinator_.jobs.jobs["jobs/demo"];
    job.set_name("jobs/demo");
    job.mutable_spec()->mutable_resources()->set_ranks(3);
  }

  RunResult Logs(std::vector<std::string> args) {
    args.insert(args.begin(), {BinDir() + "/lockstep", "logs"});
    return RunProgram(args, {{"LOCKSTEP_SERVER", coordinator_.address()}});
  }

  FakeCoordinator coordinator_;
};

TEST_F(LockstepLogsTest, ComeAsTheyAre) {
  coordinator_.jobs.log = "one\ntwo";

  EXPECT_EQ(Logs({"demo", "--tail", "2"}).out, "one\ntwo");
}

TEST_F(LockstepLogsTest, AreOfTheRankThatIsWanted) {
  coordinator_.jobs.log_of_rank = {{0, "zero\n"}, {2, "two\n"}};

  EXPECT_EQ(Logs({"demo", "--rank", "2"}).out, "two\n");
  EXPECT_EQ(Logs({"demo", "--rank", "1"}).exit_code, 3);
  for (const std::string bad : {"-1", "none", "1.5"}) {
    const RunResult run = Logs({"demo", "--rank=" + bad});
    EXPECT_EQ(run.exit_code, 2) << bad;
    EXPECT_THAT(run.err, HasSubstr("--rank \"" + bad + "\""));
  }
}

TEST_F(LockstepLogsTest, AreAskedForSinceAMoment) {
  coordinator_.jobs.log = "x\n";
  const absl::Time before = absl::Now();
  EXPECT_EQ(Logs({"demo", "--since", "10m"}).out, "x\n");
  const auto since = [this] { return coordinator_.jobs.logs_request.since(); };
  EXPECT_GE(absl::FromUnixSeconds(since().seconds() + 1),
            before - absl::Minutes(10));
  EXPECT_LE(absl::FromUnixSeconds(since().seconds()),
            absl::Now() - absl::Minutes(10));

  EXPECT_EQ(Logs({"demo", "--since", "2026-01-31T12:00:00.5+01:00"}).exit_code,
            0);
  EXPECT_EQ(since().seconds(), 1769857200);
  EXPECT_EQ(since().nanos(), 500'000'000);

  for (const std::string bad : {"yesterday", "-10m", "2026-01-31"}) {
    const RunResult run = Logs({"demo", "--since=" + bad});
    EXPECT_EQ(run.exit_code, 2) << bad;
    EXPECT_THAT(run.err, HasSubstr("--since \"" + bad + "\" is neither"));
  }
}

constexpr char kUntimed[] =
    "none of the last 200 lines of the log begins with a time, which --since "
    "goes by; --tail shows the newest\n";

TEST_F(LockstepLogsTest, ALogWithoutTimesIsToldOnceOnStderr) {
  coordinator_.jobs.log = "one\ntwo\n";
  EXPECT_EQ(Logs({"demo", "--since", "10m"}).err, kUntimed);
  EXPECT_EQ(Logs({"demo", "--since", "10m", "-q"}).err, "");
  // Nothing goes by times.
  EXPECT_EQ(Logs({"demo"}).err, "");
  // One line of those is enough.
  coordinator_.jobs.log = "one\n2026-11-30T12:00:00.250Z two\nthree\n";
  EXPECT_EQ(Logs({"demo", "--since", "10m"}).err, "");
  coordinator_.jobs.log = "";
  EXPECT_EQ(Logs({"demo", "--since", "10m"}).err, "");
}

TEST_F(LockstepLogsTest, OfAllRanksThoseWithoutTimesAreTold) {
  coordinator_.jobs.log_of_rank = {
      {0, "2026-11-30T12:00:00.250Z a\n"}, {1, "b\n"}, {2, "c\n"}};
  EXPECT_EQ(Logs({"demo", "--rank", "all", "--since", "10m"}).err,
            absl::StrCat("rank 1: ", kUntimed, "rank 2: ", kUntimed));
}

TEST_F(LockstepLogsTest, OfAllRanksHaveEachLineMarked) {
  coordinator_.jobs.log_of_rank = {
      {0, "a\nb\n"}, {1, "c"}, {2, std::string(70000, 'x') + "\nd\n"}};
  const RunResult run = Logs({"demo", "--rank", "all"});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, Eq("rank 0 | a\nrank 0 | b\nrank 1 | c\nrank 2 | " +
                          std::string(70000, 'x') + "\nrank 2 | d\n"));
  // Followed, their order is that in which they come; no line is torn.
  const RunResult followed = Logs({"demo", "--rank", "all", "-f"});
  EXPECT_EQ(followed.exit_code, 0) << followed.err;
  for (const char* line : {"rank 0 | a\n", "rank 1 | c\n", "rank 2 | d\n"}) {
    EXPECT_THAT(followed.out, HasSubstr(line));
  }
  EXPECT_EQ(std::count(followed.out.begin(), followed.out.end(), '\n'), 5);
  EXPECT_THAT(Logs({"demo", "--rank", "all", "-o", "json"}).out,
              HasSubstr("{\"rank\":1,\"data\":\"Yw==\"}\n"));
}

// It comes in pieces that are marked each, so that no rank's is held whole.
TEST_F(LockstepLogsTest, OfAllRanksAVeryLongLineComesInPieces) {
  constexpr size_t kLong = 10'000'000;
  std::string long_line;
  long_line.resize(kLong, 'x');
  coordinator_.jobs.log_of_rank = {
      {0, "a\n"}, {1, long_line + "\nend\n"}, {2, "b"}};
  for (const bool follow : {false, true}) {
    std::vector<std::string> args = {"demo", "--rank", "all"};
    if (follow) args.push_back("-f");
    const RunResult run = Logs(args);

    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(std::count(run.out.begin(), run.out.end(), 'x'), kLong);
    for (const absl::string_view line : absl::StrSplit(run.out, '\n')) {
      EXPECT_LT(line.size(), 128u << 10);
      EXPECT_TRUE(line.empty() || absl::StartsWith(line, "rank "));
    }
    EXPECT_THAT(run.out,
                AllOf(HasSubstr("rank 0 | a\n"), HasSubstr("rank 1 | end\n"),
                      HasSubstr("rank 2 | b\n")));
  }
  EXPECT_EQ(Logs({"demo", "--rank", "1"}).out.size(), kLong + 5);
}

TEST_F(LockstepLogsTest, TakeTheRanksOfTheAttempt) {
  v1::Job& job = coordinator_.jobs.jobs["jobs/demo"];
  job.set_attempt(2);
  job.add_attempts()->add_ranks();
  for (int i = 0; i < 2; ++i) job.add_attempts()->add_ranks();
  job.mutable_attempts(1)->add_ranks();
  coordinator_.jobs.log = "x\n";

  EXPECT_EQ(Logs({"demo", "--rank", "all"}).out, "rank 0 | x\nrank 1 | x\n");
  EXPECT_EQ(Logs({"demo", "--rank", "all", "--attempt", "1"}).out,
            "rank 0 | x\n");
}

TEST_F(LockstepLogsTest, ARankWithoutALogIsTold) {
  coordinator_.jobs.log_of_rank = {{0, "a\n"}, {2, "b\n"}};
  const RunResult run = Logs({"demo", "--rank", "all"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.out, "rank 0 | a\nrank 2 | b\n");
  EXPECT_THAT(run.err, HasSubstr("rank 1: no log\n"));

  coordinator_.jobs.log_of_rank = {{7, "a\n"}};
  EXPECT_EQ(Logs({"demo", "--rank", "all"}).exit_code, 3);
  EXPECT_EQ(Logs({"nobody", "--rank", "all"}).exit_code, 3);
}

}  // namespace
}  // namespace lockstep::testing
