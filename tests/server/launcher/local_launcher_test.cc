#include "server/launcher/local_launcher.h"

#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/launcher/process_table.h"
#include "tests/testing/temp_dir.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

// A shell script is lockstep-worker. Tests and script wait for each other at
// FIFOs: `say` and `await` in the script, Await and Say here.
constexpr char kWorker[] = R"sh(#!/bin/bash
home="$(dirname "$0")"
say() { echo "$2" > "$home/$1"; }
await() { read line < "$home/$1"; }
# Something that carries the attempt's mark, as ranks do.
rank() { exec -a "$PWD/token" sleep 600; }
. "$home/script.sh"
)sh";

constexpr char kExitFileText[] =
    R"({"ranks":[{"rank":0,"pid":1,"exit_code":68,"signal":0,)"
    R"("asked_to_stop":false}],"ended":true})";

class LocalLauncherTest : public ::testing::Test {
 protected:
  LocalLauncherTest() {
    Write("worker", kWorker);
    chmod(dir_.Path("worker").c_str(), 0755);
    for (const char* fifo : {"up", "go"}) {
      EXPECT_EQ(mkfifo(dir_.Path(fifo).c_str(), 0600), 0);
    }
    StartLauncher();
  }
  ~LocalLauncherTest() override {
    for (const AttemptRef& attempt : {kPrepare, kAttempt}) {
      KillByArgument(FolderOf(attempt) + "/token", absl::Seconds(30));
    }
  }

  void StartLauncher() {
    auto launcher = LocalLauncher::Start({.state_dir = dir_.Path("state"),
                                          .worker_path = dir_.Path("worker"),
                                          .coordinator = "unix:/c.sock",
                                          .cpu_slots = 3,
                                          .longest_death = longest_death_});
    ASSERT_TRUE(launcher.ok()) << launcher.status();
    launcher_ = *std::move(launcher);
    launcher_->SetListener([this](ProcessEnd end) {
      absl::MutexLock lock(&mu_);
      ends_.push_back(std::move(end));
    });
  }

  absl::StatusOr<server::ProcessRecord> Launch(const AttemptRef& attempt,
                                               const std::string& script) {
    Write("script.sh", script + "\n");
    LaunchRequest request{.attempt = attempt,
                          .job_uid = "u",
                          .spec = {},
                          .token = "secret",
                          .ranks = {}};
    if (attempt.attempt != 0) request.ranks.emplace_back().set_device("cpu:0");
    return launcher_->Launch(request);
  }

  ProcessEnd WaitForEnd() {
    const auto any = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
      return !ends_.empty();
    };
    absl::MutexLock lock(&mu_);
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&any), absl::Seconds(30)));
    if (ends_.empty()) return {};
    ProcessEnd end = std::move(ends_.front());
    ends_.pop_front();
    return end;
  }

  // Blocks until the script says something; what it says.
  std::string Await() { return Read("up"); }
  void Say() { Write("go", "go\n"); }

  std::string FolderOf(const AttemptRef& attempt) const {
    return ProcessFolder(dir_.Path("state"), "u", attempt.attempt);
  }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(dir_.Path(name)) << text;
  }
  std::string Read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(dir_.Path(name)).rdbuf();
    return text.str();
  }

  static bool WaitUntilGone(int pidfd) {
    return lockstep::WaitUntilGone({pidfd}, absl::Seconds(30));
  }
  static bool IsGone(int pidfd) {
    return lockstep::WaitUntilGone({pidfd}, absl::ZeroDuration());
  }

  const AttemptRef kPrepare{"jobs/a", 0};
  const AttemptRef kAttempt{"jobs/a", 1};
  absl::Duration longest_death_ = absl::Seconds(30);
  testing::ScopedTempDir dir_;
  absl::Mutex mu_;
  std::deque<ProcessEnd> ends_ ABSL_GUARDED_BY(mu_);
  // Last: its thread calls the listener.
  std::unique_ptr<LocalLauncher> launcher_;
};

TEST_F(LocalLauncherTest, APrepareIsStartedAndItsExitSeen) {
  const auto record =
      Launch(kPrepare, "echo \"$1\"; cat \"$PWD/token\"; exit 65");
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_GT(record->process_id(), 0);
  EXPECT_GT(record->start_ticks(), 0);
  EXPECT_EQ(record->boot_id(), BootId());
  const ProcessEnd end = WaitForEnd();
  EXPECT_EQ(end.attempt, kPrepare);
  EXPECT_EQ(end.exit_code, 65);
  EXPECT_EQ(end.signal, 0);
  EXPECT_THAT(end.ranks, IsEmpty());
  EXPECT_EQ(Read("state/jobs/u/prepare/prepare.log"), "prepare\nsecret\n");
  EXPECT_TRUE(std::filesystem::exists(FolderOf(kPrepare) + "/spec.json"));
}

TEST_F(LocalLauncherTest, ASupervisorsExitFileIsRead) {
  Write("exit.json", kExitFileText);
  ASSERT_TRUE(Launch(kAttempt, "cp \"$home/exit.json\" . ; exit 0").ok());
  const ProcessEnd end = WaitForEnd();
  EXPECT_EQ(end.attempt, kAttempt);
  ASSERT_THAT(end.ranks, SizeIs(1));
  EXPECT_EQ(end.ranks[0].exit_code(), 68);
  EXPECT_TRUE(end.ranks[0].exited());
}

TEST_F(LocalLauncherTest, ItIsToldToStop) {
  ASSERT_TRUE(Launch(kAttempt,
                     "trap 'exit 75' TERM; say up here; "
                     "while true; do sleep 0.01; done")
                  .ok());
  Await();
  EXPECT_TRUE(launcher_->Signal(kAttempt, /*kill=*/false).ok());
  EXPECT_EQ(WaitForEnd().exit_code, 75);
  // Gone.
  EXPECT_TRUE(launcher_->Signal(kAttempt, /*kill=*/true).ok());
}

TEST_F(LocalLauncherTest, AKilledSupervisorLeavesAnEndAndNoRanks) {
  ASSERT_TRUE(
      Launch(kAttempt, "(rank) & trap '' TERM; say up $!; await go").ok());
  const int rank = OpenPidfd(std::stoi(Await()));
  ASSERT_GE(rank, 0);
  EXPECT_TRUE(launcher_->Signal(kAttempt, /*kill=*/true).ok());
  const ProcessEnd end = WaitForEnd();
  EXPECT_EQ(end.signal, SIGKILL);
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_THAT(end.ranks, IsEmpty());
  EXPECT_TRUE(IsGone(rank));
  close(rank);
}

// A GPU's memory is given back by the death of who held it, which takes time. A
// tracer makes this one take as long as it likes.
class SlowDeathTest : public LocalLauncherTest {
 protected:
  // Starts a supervisor with a rank, and kills it alone.
  void KillSupervisor() {
    ASSERT_TRUE(
        Launch(kAttempt, "(rank) & trap '' TERM; say up $!; await go").ok());
    rank_ = std::stoi(Await());
    pidfd_ = OpenPidfd(rank_);
    ASSERT_GE(pidfd_, 0);
    ASSERT_EQ(ptrace(PTRACE_SEIZE, rank_, 0, PTRACE_O_TRACEEXIT), 0)
        << strerror(errno);
    EXPECT_TRUE(launcher_->Signal(kAttempt, /*kill=*/true).ok());
    // It was killed, and is held.
    int status = 0;
    ASSERT_EQ(waitpid(rank_, &status, __WALL), rank_);
    ASSERT_EQ(status >> 8, SIGTRAP | (PTRACE_EVENT_EXIT << 8));
    EXPECT_FALSE(IsGone(pidfd_));
  }
  void LetItDie() const { ptrace(PTRACE_DETACH, rank_, 0, 0); }
  ~SlowDeathTest() override { close(pidfd_); }

  pid_t rank_ = 0;
  int pidfd_ = -1;
};

TEST_F(SlowDeathTest, TheEndIsToldWhenTheRanksAreGoneAndNoSooner) {
  KillSupervisor();
  {
    // It would be told by now.
    absl::MutexLock lock(&mu_);
    const auto any = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
      return !ends_.empty();
    };
    EXPECT_FALSE(
        mu_.AwaitWithTimeout(absl::Condition(&any), absl::Milliseconds(200)));
  }
  LetItDie();
  EXPECT_EQ(WaitForEnd().signal, SIGKILL);
  EXPECT_TRUE(IsGone(pidfd_));
}

TEST_F(SlowDeathTest, OneThatTakesTooLongHoldsBackNobodyForEver) {
  longest_death_ = absl::Milliseconds(1);
  launcher_.reset();
  StartLauncher();
  KillSupervisor();
  EXPECT_EQ(WaitForEnd().signal, SIGKILL);
  EXPECT_FALSE(IsGone(pidfd_));
  LetItDie();
}

TEST_F(LocalLauncherTest, ItOutlivesTheLauncherAndIsAdopted) {
  Write("exit.json", kExitFileText);
  const auto record = Launch(
      kAttempt, "say up here; await go; cp \"$home/exit.json\" .; exit 0");
  ASSERT_TRUE(record.ok()) << record.status();
  Await();
  launcher_.reset();
  StartLauncher();
  ProcessEnd end;
  EXPECT_TRUE(launcher_->Adopt(kAttempt, "u", *record, &end).ok());
  Say();
  end = WaitForEnd();
  EXPECT_EQ(end.attempt, kAttempt);
  EXPECT_THAT(end.ranks, SizeIs(1));
}

TEST_F(LocalLauncherTest, OneWhoseIdWasNeverWrittenIsAdoptedToo) {
  ASSERT_TRUE(Launch(kAttempt, "(rank) & say up $!; await go").ok());
  Await();
  launcher_.reset();
  StartLauncher();
  ProcessEnd end;
  server::ProcessRecord record;
  record.set_attempt(1);
  EXPECT_TRUE(launcher_->Adopt(kAttempt, "u", record, &end).ok());
  EXPECT_TRUE(launcher_->Signal(kAttempt, /*kill=*/true).ok());
  EXPECT_EQ(WaitForEnd().signal, SIGKILL);
}

// A prepare reads its input in a fork of itself.
TEST_F(LocalLauncherTest, AForkThatItLeftIsNotTakenForIt) {
  const auto record = Launch(kAttempt,
                             "mkfifo \"$home/never\"; "
                             "(read line < \"$home/never\") & "
                             "say up $!; await go");
  ASSERT_TRUE(record.ok()) << record.status();
  const int fork = OpenPidfd(std::stoi(Await()));
  const int parent = OpenPidfd(static_cast<pid_t>(record->process_id()));
  launcher_.reset();
  Say();
  ASSERT_TRUE(WaitUntilGone(parent));
  StartLauncher();
  ProcessEnd end;
  server::ProcessRecord unwritten;
  unwritten.set_attempt(1);

  EXPECT_TRUE(
      absl::IsNotFound(launcher_->Adopt(kAttempt, "u", unwritten, &end)));

  EXPECT_TRUE(IsGone(fork));
  close(fork);
  close(parent);
}

TEST_F(LocalLauncherTest, OneThatEndedMeanwhileTellsByItsExitFile) {
  Write("exit.json", kExitFileText);
  const auto record =
      Launch(kAttempt, "(rank) & say up $!; cp \"$home/exit.json\" .; exit 0");
  ASSERT_TRUE(record.ok()) << record.status();
  const int rank = OpenPidfd(std::stoi(Await()));
  WaitForEnd();
  launcher_.reset();
  StartLauncher();
  ProcessEnd end;
  EXPECT_TRUE(absl::IsNotFound(launcher_->Adopt(kAttempt, "u", *record, &end)));
  EXPECT_EQ(end.attempt, kAttempt);
  EXPECT_THAT(end.ranks, SizeIs(1));
  EXPECT_TRUE(IsGone(rank));
  close(rank);
}

// This test's own process has the id by now.
TEST_F(LocalLauncherTest, AnotherProcessOfTheSameIdIsNotAdopted) {
  server::ProcessRecord record;
  record.set_process_id(getpid());
  record.set_boot_id(BootId());
  record.set_start_ticks(*StartTicks(getpid()) + 1);
  ProcessEnd end;
  EXPECT_TRUE(absl::IsNotFound(launcher_->Adopt(kAttempt, "u", record, &end)));
  record.set_start_ticks(*StartTicks(getpid()));
  record.set_boot_id("before the last boot");
  EXPECT_TRUE(absl::IsNotFound(launcher_->Adopt(kAttempt, "u", record, &end)));
  EXPECT_THAT(end.ranks, IsEmpty());
}

TEST_F(LocalLauncherTest, NamesTheProgramThatCannotBeStarted) {
  chmod(dir_.Path("worker").c_str(), 0644);
  const auto record = Launch(kPrepare, "");
  EXPECT_THAT(std::string(record.status().message()),
              HasSubstr("start " + dir_.Path("worker")));
}

TEST_F(LocalLauncherTest, DoesNotStartWithoutItsProgram) {
  const auto launcher =
      LocalLauncher::Start({.state_dir = dir_.Path("state"),
                            .worker_path = dir_.Path("no-worker"),
                            .coordinator = "unix:/c.sock",
                            .cpu_slots = 1});
  EXPECT_TRUE(absl::IsNotFound(launcher.status()));
  EXPECT_THAT(std::string(launcher.status().message()),
              HasSubstr("run " + dir_.Path("no-worker")));
}

TEST_F(LocalLauncherTest, NamesTheFolderThatCannotBeMade) {
  Write("state", "a file");
  const auto record = Launch(kPrepare, "");
  EXPECT_THAT(std::string(record.status().message()),
              HasSubstr("create " + FolderOf(kPrepare)));
}

class BusyGpuTest : public LocalLauncherTest {
 protected:
  // What a launcher on a host with the fake's GPUs tells.
  std::optional<ForeignUses> Told(bool use_busy_gpus,
                                  const std::string& coordinator) {
    const auto launcher =
        LocalLauncher::Start({.state_dir = dir_.Path("state"),
                              .worker_path = dir_.Path("worker"),
                              .coordinator = coordinator,
                              .cpu_slots = 1,
                              .use_busy_gpus = use_busy_gpus,
                              .nvml_library = LOCKSTEP_FAKE_NVML});
    EXPECT_TRUE(launcher.ok()) << launcher.status();
    // A second reading may come meanwhile.
    absl::Mutex mu;
    std::optional<ForeignUses> told;
    (*launcher)->SetUseListener([&](ForeignUses uses) {
      absl::MutexLock lock(&mu);
      told = std::move(uses);
    });
    (*launcher)->SetUseListener(nullptr);
    return told;
  }
};

TEST_F(BusyGpuTest, TellsWhichGpusOthersUse) {
  const auto told = Told(/*use_busy_gpus=*/false, "unix:/c.sock");

  ASSERT_TRUE(told.has_value());
  EXPECT_THAT(*told, ElementsAre(Pair("GPU-fake0", HasSubstr("process")),
                                 Pair("GPU-fake2", HasSubstr("hidden"))));
}

// The fake's first GPU is used by this process, which so becomes one of the
// coordinator's.
TEST_F(BusyGpuTest, ProcessesThatCallThisCoordinatorAreNotOthers) {
  const auto told =
      Told(/*use_busy_gpus=*/false, /*coordinator=*/ArgvOf(getpid())[0]);

  ASSERT_TRUE(told.has_value());
  EXPECT_THAT(*told, ElementsAre(Pair("GPU-fake2", HasSubstr("hidden"))));
}

TEST_F(BusyGpuTest, TellsNothingWhereAllGpusMayBeUsed) {
  EXPECT_FALSE(Told(/*use_busy_gpus=*/true, "unix:/c.sock").has_value());
}

TEST_F(LocalLauncherTest, ShowsThisHost) {
  const std::vector<v1::Node> nodes = launcher_->Nodes();
  ASSERT_THAT(nodes, SizeIs(1));
  EXPECT_GE(nodes[0].devices_size(), 3);
  EXPECT_EQ(nodes[0].devices(2).id(), "cpu:2");
}

}  // namespace
}  // namespace lockstep
