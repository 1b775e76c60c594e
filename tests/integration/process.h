#ifndef LOCKSTEP_TESTS_INTEGRATION_PROCESS_H_
#define LOCKSTEP_TESTS_INTEGRATION_PROCESS_H_

// Runs the built programs as a user would: argv in, exit code and what was
// printed out.

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace lockstep::testing {

struct RunResult {
  int exit_code = -1;  // 128 + signal when a signal ended it.
  std::string out;
  std::string err;
};

// Environment variables added to this process's own.
using Environment = std::map<std::string, std::string>;

// Runs to the end. argv[0] is a path, or found in PATH. Fails the test when the
// program cannot be started or runs longer than `timeout_seconds`.
RunResult RunProgram(const std::vector<std::string>& argv,
                     const Environment& environment = {},
                     int timeout_seconds = 120);

// A program in the background; killed with SIGKILL when destroyed.
class BackgroundProcess {
 public:
  // Both outputs go to `log_path`.
  BackgroundProcess(const std::vector<std::string>& argv,
                    const Environment& environment,
                    const std::string& log_path);
  ~BackgroundProcess();
  BackgroundProcess(const BackgroundProcess&) = delete;
  BackgroundProcess& operator=(const BackgroundProcess&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  // Waits for its end; exit code as in RunResult.
  int Wait();

 private:
  pid_t pid_ = -1;
};

// Who started it, as the supervisor of a rank did; 0 when it is gone.
pid_t ParentOf(pid_t pid);

// The folder of the built programs, our sources, the oracle Python, and the one
// with readers of formats.
std::string BinDir();
std::string SourceDir();
std::string OraclePython();
std::string ChecksPython();
// Empty when the real data is not here.
std::string TestDataDir();

std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, const std::string& content);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_INTEGRATION_PROCESS_H_
