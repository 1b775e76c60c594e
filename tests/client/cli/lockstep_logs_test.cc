// `lockstep logs` of the built program, against a coordinator that plays a
// part.

#include <algorithm>
#include <string>
#include <vector>

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
