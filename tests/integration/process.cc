#include "tests/integration/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace lockstep::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::vector<std::string> WithEnvironment(const Environment& added) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string text = *entry;
    if (added.count(text.substr(0, text.find('='))) == 0) {
      result.push_back(std::move(text));
    }
  }
  for (const auto& [name, value] : added) {
    result.push_back(absl::StrCat(name, "=", value));
  }
  return result;
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const std::string& text : strings) {
    result.push_back(const_cast<char*>(text.c_str()));
  }
  result.push_back(nullptr);
  return result;
}

pid_t Spawn(const std::vector<std::string>& argv,
            const Environment& environment, int out_fd, int err_fd) {
  const std::vector<std::string> variables = WithEnvironment(environment);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
  posix_spawn_file_actions_adddup2(&actions, err_fd, 2);
  pid_t pid = -1;
  const int error =
      posix_spawnp(&pid, argv[0].c_str(), &actions, nullptr,
                   Pointers(argv).data(), Pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  EXPECT_EQ(error, 0) << "cannot start " << argv[0];
  return error == 0 ? pid : -1;
}

int ExitCode(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status)
                                : 128 + WTERMSIG(wait_status);
}

// Reads both pipes until both are closed or time is up.
bool ReadPipes(int out_fd, int err_fd, steady_clock::time_point deadline,
               RunResult* result) {
  pollfd fds[2] = {{out_fd, POLLIN, 0}, {err_fd, POLLIN, 0}};
  std::string* texts[2] = {&result->out, &result->err};
  int open = 2;
  while (open > 0) {
    const auto left = std::chrono::duration_cast<milliseconds>(
        deadline - steady_clock::now());
    if (left.count() <= 0) return false;
    if (poll(fds, 2, static_cast<int>(left.count())) <= 0) continue;
    for (int i = 0; i < 2; ++i) {
      if (fds[i].revents == 0) continue;
      char buffer[4096];
      const ssize_t bytes = read(fds[i].fd, buffer, sizeof(buffer));
      if (bytes > 0) {
        texts[i]->append(buffer, bytes);
      } else {
        fds[i].fd = -1;
        --open;
      }
    }
  }
  return true;
}

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

RunResult RunProgram(const std::vector<std::string>& argv,
                     const Environment& environment, int timeout_seconds) {
  int out[2], err[2];
  EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
  EXPECT_EQ(pipe2(err, O_CLOEXEC), 0);
  const pid_t pid = Spawn(argv, environment, out[1], err[1]);
  close(out[1]);
  close(err[1]);
  RunResult result;
  if (pid > 0) {
    const auto deadline =
        steady_clock::now() + std::chrono::seconds(timeout_seconds);
    if (!ReadPipes(out[0], err[0], deadline, &result)) {
      kill(pid, SIGKILL);
      ADD_FAILURE() << argv[0] << " ran longer than " << timeout_seconds
                    << " s; so far it printed:\n"
                    << result.out << result.err;
    }
    int status = 0;
    waitpid(pid, &status, 0);
    result.exit_code = ExitCode(status);
  }
  close(out[0]);
  close(err[0]);
  return result;
}

BackgroundProcess::BackgroundProcess(const std::vector<std::string>& argv,
                                     const Environment& environment,
                                     const std::string& log_path) {
  const int log =
      open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  EXPECT_GE(log, 0) << log_path;
  pid_ = Spawn(argv, environment, log, log);
  close(log);
}

BackgroundProcess::~BackgroundProcess() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  Wait();
}

void BackgroundProcess::Signal(int signal) const {
  ASSERT_GT(pid_, 0);
  ASSERT_EQ(kill(pid_, signal), 0);
}

int BackgroundProcess::Wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return ExitCode(status);
}

pid_t ParentOf(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string id;
  std::string name;
  std::string state;
  pid_t parent = 0;
  stat >> id >> name >> state >> parent;
  return parent;
}

std::string BinDir() { return Variable("LOCKSTEP_BIN_DIR"); }
std::string SourceDir() { return Variable("LOCKSTEP_SOURCE_DIR"); }
std::string OraclePython() { return Variable("LOCKSTEP_ORACLE_PYTHON"); }
std::string ChecksPython() { return Variable("LOCKSTEP_CHECKS_PYTHON"); }
std::string TestDataDir() { return Variable("LOCKSTEP_TEST_DATA"); }

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  ASSERT_TRUE(file.good()) << path;
}

}  // namespace lockstep::testing
