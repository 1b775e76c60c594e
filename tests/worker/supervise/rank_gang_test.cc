#include "worker/supervise/rank_gang.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/worker/supervise/fake_worker.h"
#include "worker/supervise/cpu_binding.h"

namespace lockstep {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;
using worker::v1::RankProcess;

constexpr absl::Duration kLong = absl::Minutes(5);

class RankGangTest : public ::testing::Test {
 protected:
  RankGang::Rank Rank(int rank) {
    return {.rank = rank,
            .argv = {worker_.program(), "--rank", std::to_string(rank)},
            .log_path = worker_.dir() + "/" + std::to_string(rank) + ".log"};
  }
  std::unique_ptr<RankGang> Gang(RankGang::Options options) {
    return std::make_unique<RankGang>(
        std::vector<RankGang::Rank>{Rank(0), Rank(1)}, options,
        [this](const std::vector<RankProcess>& ranks) { told_ = ranks; });
  }

  testing::FakeWorker worker_;
  std::vector<RankProcess> told_;
};

TEST_F(RankGangTest, RanksThatSucceedEndByThemselves) {
  worker_.Write("0.log", "before\n");
  worker_.Rank(0, "echo out; echo err >&2; exit 0");
  worker_.Rank(1, "exit 0");

  const auto ends = Gang({.peer_grace = kLong})->Run();

  ASSERT_EQ(ends.size(), 2u);
  for (const RankProcess& end : ends) {
    EXPECT_TRUE(end.exited());
    EXPECT_GT(end.pid(), 0);
    EXPECT_EQ(end.exit_code(), 0);
    EXPECT_FALSE(end.asked_to_stop());
  }
  EXPECT_EQ(worker_.Read("0.log"), "before\nout\nerr\n");
  ASSERT_EQ(told_.size(), 2u);
  EXPECT_TRUE(told_[0].exited() && told_[1].exited());
}

TEST_F(RankGangTest, RanksReadNothingAndInheritNoOpenFile) {
  // Without a pipe, which bash would hold open for a moment.
  worker_.Rank(0, "cat; ls /proc/$$/fd; exit 0");
  worker_.Rank(1, "exit 0");

  Gang({.peer_grace = kLong})->Run();

  // 255 is the script itself, opened by bash.
  EXPECT_EQ(worker_.Read("0.log"), "0\n1\n2\n255\n");
}

TEST_F(RankGangTest, BindsARankToItsCpusAndNobodyElse) {
  const CpuSet all = AllowedCpus();
  ASSERT_FALSE(all.empty());
  const std::string last = std::to_string(*all.rbegin());
  const char* tell = "grep Cpus_allowed_list /proc/self/status; exit 0";
  worker_.Rank(0, tell);
  worker_.Rank(1, tell);
  RankGang::Rank bound = Rank(0);
  bound.cpus = {*all.rbegin()};

  RankGang({bound, Rank(1)}, {.peer_grace = kLong}, [](const auto&) {}).Run();

  EXPECT_THAT(
      worker_.Read("0.log"),
      MatchesRegex("[-0-9]+T[0-9:.]+Z is bound to the CPUs " + last +
                   ", its part of those next to its GPU\nCpus_allowed_list:\t" +
                   last + "\n"));
  // What it names may be more: CPUs that the host could have.
  EXPECT_THAT(worker_.Read("1.log"), StartsWith("Cpus_allowed_list:"));
  if (all.size() > 1) {
    EXPECT_NE(worker_.Read("1.log"), "Cpus_allowed_list:\t" + last + "\n");
  }
  EXPECT_EQ(AllowedCpus(), all);
}

TEST_F(RankGangTest, ARankThatCannotBeBoundRunsAllTheSame) {
  worker_.Rank(0, "echo runs; exit 0");
  worker_.Rank(1, "exit 0");
  RankGang::Rank nowhere = Rank(0);
  nowhere.cpus = {65000};  // Of no host.

  const auto ends =
      RankGang({nowhere, Rank(1)}, {.peer_grace = kLong}, [](const auto&) {
      }).Run();

  EXPECT_EQ(ends[0].exit_code(), 0);
  EXPECT_THAT(worker_.Read("0.log"),
              AllOf(HasSubstr(" is not bound to the CPUs 65000: Invalid"),
                    EndsWith("\nruns\n")));
}

TEST_F(RankGangTest, AFailedRankEndsTheOthers) {
  worker_.Fifo("ready");
  worker_.Rank(0, "stop_with 75; say ready now; wait $s");
  worker_.Rank(1, "await ready; exit 66");

  const auto ends = Gang({.peer_grace = kLong})->Run();

  EXPECT_EQ(ends[1].exit_code(), 66);
  EXPECT_FALSE(ends[1].asked_to_stop());
  EXPECT_EQ(ends[0].exit_code(), 75);
  EXPECT_TRUE(ends[0].asked_to_stop());
}

TEST_F(RankGangTest, ASignalledRankEndsTheOthers) {
  worker_.Fifo("ready");
  worker_.Rank(0, "stop_with 0; say ready now; wait $s");
  worker_.Rank(1, "await ready; kill -KILL $$");

  const auto ends = Gang({.peer_grace = kLong})->Run();

  EXPECT_EQ(ends[1].signal(), SIGKILL);
  EXPECT_FALSE(ends[1].asked_to_stop());
  EXPECT_TRUE(ends[0].asked_to_stop());
}

TEST_F(RankGangTest, WhomTheKernelKilledForMemoryIsKnown) {
  worker_.Write("vmstat", "pgfault 7\noom_kill 2\noom_kill_other 9\n");
  worker_.Fifo("ready");
  worker_.Rank(0, "stop_with 0; say ready now; wait $s");
  worker_.Rank(1, "await ready; echo oom_kill 3 > vmstat; kill -KILL $$");

  const auto ends =
      Gang({.peer_grace = kLong, .vmstat = worker_.dir() + "/vmstat"})->Run();

  EXPECT_TRUE(ends[1].out_of_memory());
  EXPECT_EQ(ends[1].signal(), SIGKILL);
  EXPECT_FALSE(ends[0].out_of_memory());
}

// While it runs, the kernel kills others.
TEST_F(RankGangTest, WhomItKilledItselfHadMemory) {
  worker_.Write("vmstat", "oom_kill 2\n");
  worker_.Fifo("ready");
  worker_.Rank(0, "trap '' TERM; say ready now; exec sleep 600");
  worker_.Rank(1, "await ready; echo oom_kill 3 > vmstat; kill -TERM $$");

  const auto ends = Gang({.peer_grace = absl::Milliseconds(20),
                          .vmstat = worker_.dir() + "/vmstat"})
                        ->Run();

  EXPECT_EQ(ends[1].signal(), SIGTERM);
  EXPECT_FALSE(ends[1].out_of_memory());
  EXPECT_EQ(ends[0].signal(), SIGKILL);
  EXPECT_FALSE(ends[0].out_of_memory());
}

TEST_F(RankGangTest, ARankThatIgnoresTheRequestIsKilledAfterTheGrace) {
  worker_.Fifo("ready");
  worker_.Rank(0, "trap '' TERM; say ready now; exec sleep 600");
  worker_.Rank(1, "await ready; exit 1");

  const auto ends = Gang({.peer_grace = absl::Milliseconds(20)})->Run();

  EXPECT_EQ(ends[0].signal(), SIGKILL);
  EXPECT_TRUE(ends[0].asked_to_stop());
}

TEST_F(RankGangTest, StopsOnRequest) {
  worker_.Fifo("ready0");
  worker_.Fifo("ready1");
  worker_.Rank(0, "stop_with 75; say ready0 now; wait $s");
  worker_.Rank(1, "stop_with 75; say ready1 now; wait $s");
  auto gang = Gang({.peer_grace = kLong});
  std::thread asker([&] {
    worker_.Await("ready0");
    worker_.Await("ready1");
    gang->RequestStop(kLong);
  });

  const auto ends = gang->Run();
  asker.join();

  for (const RankProcess& end : ends) {
    EXPECT_EQ(end.exit_code(), 75);
    EXPECT_TRUE(end.asked_to_stop());
  }
}

TEST_F(RankGangTest, KillBringsTheEndOfAGraceTimeNearer) {
  worker_.Fifo("ready");
  worker_.Rank(0, "trap '' TERM; say ready now; exec sleep 600");
  worker_.Rank(1, "exit 0");
  auto gang = Gang({.peer_grace = kLong});
  std::thread asker([&] {
    worker_.Await("ready");
    gang->RequestStop(kLong);
    gang->RequestKill();
  });

  const auto ends = gang->Run();
  asker.join();

  EXPECT_EQ(ends[0].signal(), SIGKILL);
}

TEST_F(RankGangTest, ARequestBeforeTheStartIsNotLost) {
  worker_.Rank(0, "exec sleep 600");
  worker_.Rank(1, "exec sleep 600");
  auto gang = Gang({.peer_grace = kLong});
  gang->RequestKill();

  const auto ends = gang->Run();

  EXPECT_NE(ends[0].signal(), 0);
  EXPECT_NE(ends[1].signal(), 0);
}

TEST_F(RankGangTest, TerminationOfTheSupervisorIsForwarded) {
  worker_.Fifo("ready0");
  worker_.Fifo("ready1");
  worker_.Rank(0, "stop_with 75; say ready0 now; wait $s");
  worker_.Rank(1, "stop_with 75; say ready1 now; wait $s");
  int terminate[2];
  ASSERT_EQ(pipe(terminate), 0);
  auto gang = Gang({.peer_grace = kLong,
                    .terminate_fd = terminate[0],
                    .terminate_grace = kLong});
  std::thread asker([&] {
    worker_.Await("ready0");
    worker_.Await("ready1");
    EXPECT_EQ(write(terminate[1], "T", 1), 1);
  });

  const auto ends = gang->Run();
  asker.join();

  EXPECT_EQ(ends[0].exit_code(), 75);
  EXPECT_EQ(ends[1].exit_code(), 75);
  EXPECT_TRUE(ends[0].asked_to_stop() && ends[1].asked_to_stop());
}

TEST_F(RankGangTest, ARankThatCannotBeStartedFailsTheGang) {
  worker_.Rank(0, "exec sleep 600");
  RankGang::Rank missing = Rank(1);
  missing.argv[0] = "/no/such/program";
  RankGang gang({Rank(0), missing}, {.peer_grace = kLong}, [](const auto&) {});

  const auto ends = gang.Run();

  EXPECT_EQ(ends[1].exit_code(), 127);
  EXPECT_FALSE(ends[1].asked_to_stop());
  EXPECT_TRUE(ends[0].asked_to_stop());
  EXPECT_THAT(worker_.Read("1.log"),
              HasSubstr("/no/such/program: No such file"));
}

TEST_F(RankGangTest, AFileThatIsNoProgramCannotBeStartedEither) {
  worker_.Write("text", "no program");
  RankGang::Rank broken = Rank(0);
  broken.argv[0] = worker_.dir() + "/text";
  ASSERT_EQ(chmod(broken.argv[0].c_str(), 0755), 0);
  RankGang gang({broken}, {.peer_grace = kLong}, [](const auto&) {});

  EXPECT_EQ(gang.Run()[0].exit_code(), 127);
}

// It may be there next time; the program is.
TEST_F(RankGangTest, ALogThatCannotBeOpenedIsAFailureLikeOthers) {
  worker_.Rank(0, "exit 0");
  RankGang::Rank mute = Rank(0);
  mute.log_path = worker_.dir() + "/no-such-folder/0.log";
  RankGang gang({mute}, {.peer_grace = kLong}, [](const auto&) {});

  EXPECT_EQ(gang.Run()[0].exit_code(), 1);
}

// 100 MB as fast as bash and tr can.
TEST_F(RankGangTest, ALogThatFloodsIsKeptSmall) {
  worker_.Rank(0,
               "echo first; head -c 100000000 /dev/zero | tr '\\0' x; "
               "echo; echo last");
  worker_.Rank(1, "exit 0");

  const auto ends =
      Gang({.peer_grace = kLong,
            .log_limits = {.most = 8 << 20, .head = 1 << 20, .tail = 4 << 20}})
          ->Run();

  EXPECT_EQ(ends[0].exit_code(), 0);
  const std::string log = worker_.Read("0.log");
  EXPECT_GT(log.size(), 100'000'000u);
  EXPECT_THAT(log, StartsWith("first\n"));
  EXPECT_THAT(log, EndsWith("\nlast\n"));
  struct stat info {};
  ASSERT_EQ(stat((worker_.dir() + "/0.log").c_str(), &info), 0);
  EXPECT_LE(info.st_blocks * 512, 8 << 20);
}

}  // namespace
}  // namespace lockstep
