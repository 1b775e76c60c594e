#include "server/launcher/subprocess.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"

namespace lockstep {
namespace {

using ::testing::HasSubstr;

class SubprocessTest : public ::testing::Test {
 protected:
  // What the script writes to its log.
  std::string OutputOf(const std::string& script) {
    const auto pid = StartSubprocess({.argv = {"/bin/bash", "-c", script},
                                      .working_dir = dir_.path(),
                                      .log_path = dir_.Path("log")});
    EXPECT_TRUE(pid.ok()) << pid.status();
    EXPECT_EQ(waitpid(*pid, nullptr, 0), *pid);
    std::ostringstream text;
    text << std::ifstream(dir_.Path("log")).rdbuf();
    return text.str();
  }

  testing::ScopedTempDir dir_;
};

TEST_F(SubprocessTest, OutputIsAppendedToTheLog) {
  std::ofstream(dir_.Path("log")) << "before\n";
  EXPECT_EQ(OutputOf("echo out; echo err >&2"), "before\nout\nerr\n");
}

TEST_F(SubprocessTest, TheLogIsNotForOthers) {
  OutputOf("true");
  struct stat info {};
  ASSERT_EQ(stat(dir_.Path("log").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07, 0u);
}

TEST_F(SubprocessTest, ItWorksInItsFolder) {
  EXPECT_EQ(OutputOf("pwd -P"), dir_.path() + "\n");
}

TEST_F(SubprocessTest, ItReadsNothingAndInheritsNoOpenFile) {
  const int open_here = open("/dev/null", O_RDONLY);
  EXPECT_EQ(OutputOf("cat; ls /proc/$$/fd; true"), "0\n1\n2\n");
  close(open_here);
}

TEST_F(SubprocessTest, ItLeadsASessionOfItsOwn) {
  // Fields 5 and 6 of stat: group and session.
  EXPECT_EQ(OutputOf("read -a f < /proc/$$/stat; "
                     "[ ${f[4]} = $$ ] && [ ${f[5]} = $$ ] && echo leads"),
            "leads\n");
}

TEST_F(SubprocessTest, SignalsAreAsAFreshProgramExpectsThem) {
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto handler = signal(SIGPIPE, SIG_IGN);
  // A shell cannot trap what was ignored when it came.
  const std::string output = OutputOf(
      "trap 'echo TERM' TERM; trap 'echo PIPE' PIPE; "
      "kill -TERM $$; kill -PIPE $$; true");
  signal(SIGPIPE, handler);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(output, "TERM\nPIPE\n");
}

TEST_F(SubprocessTest, NamesTheProgramThatCannotBeStarted) {
  const auto pid = StartSubprocess({.argv = {"/no/such/lockstep-worker"},
                                    .working_dir = dir_.path(),
                                    .log_path = dir_.Path("log")});
  EXPECT_TRUE(absl::IsNotFound(pid.status()));
  EXPECT_THAT(std::string(pid.status().message()),
              HasSubstr("start /no/such/lockstep-worker"));
}

}  // namespace
}  // namespace lockstep
