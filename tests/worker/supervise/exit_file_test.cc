#include "worker/supervise/exit_file.h"

#include <sys/stat.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/worker/supervise/fake_worker.h"

namespace lockstep {
namespace {

using ::testing::HasSubstr;

std::vector<worker::v1::RankProcess> OneKilledOneAsked() {
  std::vector<worker::v1::RankProcess> ranks(2);
  ranks[0].set_pid(10);
  ranks[0].set_exit_code(75);
  ranks[0].set_asked_to_stop(true);
  ranks[1].set_rank(1);
  ranks[1].set_pid(11);
  ranks[1].set_signal(9);
  ranks[1].set_out_of_memory(true);
  return ranks;
}

constexpr char kText[] =
    R"({"ranks":[{"rank":0,"pid":10,"exit_code":75,"signal":0,"asked_to_stop":true,"out_of_memory":false},{"rank":1,"pid":11,"exit_code":0,"signal":9,"asked_to_stop":false,"out_of_memory":true}],"ended":true})"
    "\n";

TEST(ExitFileTest, SaysHowEachRankEnded) {
  EXPECT_EQ(ExitFileText(OneKilledOneAsked()), kText);
}

TEST(ExitFileTest, IsWrittenWholeAndReplacesAnOlderOne) {
  testing::FakeWorker worker;
  worker.Write("exit.json", "old");

  ASSERT_TRUE(
      WriteExitFile(worker.dir(), "exit.json", OneKilledOneAsked()).ok());

  EXPECT_EQ(worker.Read("exit.json"), kText);
  struct stat status;
  EXPECT_NE(stat((worker.dir() + "/exit.json.tmp").c_str(), &status), 0);
}

TEST(ExitFileTest, FailureNamesThePath) {
  const absl::Status status = WriteExitFile("/nowhere/at/all", "exit.json", {});

  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("/nowhere/at/all/exit.json"));
}

}  // namespace
}  // namespace lockstep
