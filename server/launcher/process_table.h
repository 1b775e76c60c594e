#ifndef LOCKSTEP_SERVER_LAUNCHER_PROCESS_TABLE_H_
#define LOCKSTEP_SERVER_LAUNCHER_PROCESS_TABLE_H_

// What /proc tells about processes that may be nobody's children any more. A
// process id alone names nothing for long; a pidfd, or the id with its start
// time and the boot, does. Thread-safe.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lockstep {

// A handle of a process, close-on-exec; -1 when there is no such process.
int OpenPidfd(pid_t pid);

// OK to call for a process that is gone.
void SignalPidfd(int pidfd, int signal);

// In clock ticks since boot; nothing when there is no such process.
std::optional<int64_t> StartTicks(pid_t pid);

// Differs after each boot; the same in all containers of a host.
std::string BootId();

struct ProcessEntry {
  pid_t pid = 0;
  std::vector<std::string> argv;
};

// Its command line; empty when it is gone, or has none to show.
std::vector<std::string> ArgvOf(pid_t pid);

bool HasArgument(const std::vector<std::string>& argv,
                 absl::string_view argument);

// The processes that have `argument` on their command line.
std::vector<ProcessEntry> FindByArgument(absl::string_view argument);

// Whether these processes are gone, and with them what they held of devices and
// memory, within this time. Blocks until then.
bool WaitUntilGone(const std::vector<int>& pidfds, absl::Duration longest_wait);

// SIGKILL to each of them; then waits as WaitUntilGone.
bool KillByArgument(absl::string_view argument, absl::Duration longest_wait);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_PROCESS_TABLE_H_
