#include "server/launcher/worker_command.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

LaunchRequest RequestFor(int attempt) {
  LaunchRequest request{.attempt = {"jobs/a1", attempt},
                        .job_uid = "u",
                        .spec = {},
                        .token = "secret",
                        .ranks = {}};
  for (int rank = 0; attempt > 0 && rank < 2; ++rank) {
    v1::RankPlacement& placement = request.ranks.emplace_back();
    placement.set_rank(rank);
    placement.set_node("box");
    placement.set_device("cpu:" + std::to_string(rank + 3));
  }
  return request;
}

const WorkerContext kContext{.worker_path = "/bin/lockstep-worker",
                             .coordinator = "unix:/run/lockstepd.sock",
                             .state_dir = "/s"};

TEST(WorkerCommandTest, Prepare) {
  EXPECT_THAT(
      WorkerCommand(kContext, RequestFor(0)),
      ElementsAre("/bin/lockstep-worker", "prepare", "--coordinator",
                  "unix:/run/lockstepd.sock", "--job", "jobs/a1", "--job-uid",
                  "u", "--token-file", "/s/jobs/u/prepare/token", "--spec",
                  "/s/jobs/u/prepare/spec.json", "--cache-dir", "/s/cache"));
}

TEST(WorkerCommandTest, Supervise) {
  EXPECT_THAT(
      WorkerCommand(kContext, RequestFor(3)),
      ElementsAre("/bin/lockstep-worker", "supervise", "--coordinator",
                  "unix:/run/lockstepd.sock", "--job", "jobs/a1", "--attempt",
                  "3", "--token-file", "/s/jobs/u/attempt-3/token",
                  "--attempt-dir", "/s/jobs/u/attempt-3", "--node", "box",
                  "--ranks", "0,1", "--devices", "cpu:3,cpu:4"));
}

TEST(WorkerCommandTest, SaysWhenRanksAreNotToBeBound) {
  WorkerContext context = kContext;
  context.cpu_binding = false;
  EXPECT_EQ(WorkerCommand(context, RequestFor(1)).back(), "--no-cpu-binding");
  EXPECT_THAT(WorkerCommand(context, RequestFor(0)),
              Not(Contains("--no-cpu-binding")));
}

TEST(WorkerCommandTest, NamesTheCaWhereThePortSpeaksTls) {
  WorkerContext context = kContext;
  context.tls_ca = "/etc/ca.pem";
  EXPECT_THAT(WorkerCommand(context, RequestFor(1)), Not(Contains("--tls-ca")));
  context.coordinator = "gpu1:7443";
  for (const int attempt : {0, 1}) {
    const auto words = WorkerCommand(context, RequestFor(attempt));
    EXPECT_EQ(words[words.size() - 2], "--tls-ca");
    EXPECT_EQ(words.back(), "/etc/ca.pem");
  }
}

TEST(WorkerCommandTest, NamesTheTokenByItsFile) {
  for (const int attempt : {0, 1}) {
    EXPECT_THAT(WorkerCommand(kContext, RequestFor(attempt)),
                Each(Not(HasSubstr("secret"))));
  }
}

TEST(WorkerCommandTest, LogsLieInTheFolderOfTheProcess) {
  EXPECT_EQ(ProcessFolder("/s", "u", 0), "/s/jobs/u/prepare");
  EXPECT_EQ(LogFileName(0), "prepare.log");
  EXPECT_EQ(ProcessFolder("/s", "u", 7), "/s/jobs/u/attempt-7");
  EXPECT_EQ(LogFileName(7), "supervisor.log");
}

}  // namespace
}  // namespace lockstep
