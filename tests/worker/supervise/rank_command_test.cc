#include "worker/supervise/rank_command.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;

SuperviseOptions TwoRanks() {
  return {.program = "/bin/lockstep-rank",
          .coordinator = "unix:/run/lockstepd.sock",
          .job = "jobs/a1",
          .attempt = 3,
          .token_file = "/s/jobs/u/attempt-3/token",
          .attempt_dir = "/s/jobs/u/attempt-3",
          .node = "host",
          .ranks = {4, 5},
          .devices = {"cpu:0", "cpu:1"}};
}

TEST(RankCommandTest, NamesEverythingARankNeedsAndNoSecret) {
  EXPECT_THAT(RankCommand(TwoRanks(), 1),
              ElementsAre("/bin/lockstep-rank", "train", "--coordinator",
                          "unix:/run/lockstepd.sock", "--job", "jobs/a1",
                          "--attempt", "3", "--rank", "5", "--token-file",
                          "/s/jobs/u/attempt-3/token", "--device", "cpu:1"));
}

TEST(RankCommandTest, NamesTheCaWhereTheCoordinatorSpeaksTls) {
  SuperviseOptions options = TwoRanks();
  options.tls_ca = "/etc/ca.pem";
  const std::vector<std::string> words = RankCommand(options, 0);
  EXPECT_EQ(words[words.size() - 2], "--tls-ca");
  EXPECT_EQ(words.back(), "/etc/ca.pem");
}

TEST(RankCommandTest, LogIsNamedByTheRank) {
  EXPECT_EQ(RankLogPath(TwoRanks(), 0), "/s/jobs/u/attempt-3/rank-4.log");
}

}  // namespace
}  // namespace lockstep
