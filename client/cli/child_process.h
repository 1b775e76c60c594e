#ifndef LOCKSTEP_CLIENT_CLI_CHILD_PROCESS_H_
#define LOCKSTEP_CLIENT_CLI_CHILD_PROCESS_H_

// The programs that the command line runs: lockstepd for `lockstep run`,
// lockstep-worker for work on files. Both lie next to this program.

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lockstep::cli {

// Path of a program in the folder of this one. NOT_FOUND names the path.
absl::StatusOr<std::string> SiblingProgram(absl::string_view name);

class ChildProcess {
 public:
  // Starts argv[0], a path. With a log file it gets both outputs and a process
  // group of its own, so that Ctrl-C does not reach it; without one it shares
  // ours.
  static absl::StatusOr<ChildProcess> Start(
      const std::vector<std::string>& argv, const std::string& log_file = "");
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  // Kills what still runs.
  ~ChildProcess();

  // Whether it still runs.
  bool Running();
  // Waits for its end; 128 + signal when a signal ended it.
  int Wait();
  // SIGTERM, then SIGKILL when it has not ended in time.
  void Stop(absl::Duration grace);

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  // Sets exit_code_ when it has ended; `options` as for waitpid.
  bool Reap(int options);

  pid_t pid_ = -1;
  bool ended_ = false;
  int exit_code_ = 0;
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_CHILD_PROCESS_H_
