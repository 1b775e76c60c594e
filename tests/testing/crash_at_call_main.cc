// crash_at_call FILE FOLDER PROGRAM ARGUMENTS...: runs the program until a file
// with this name says in which of its calls from then on it is to be killed: a
// number, from 1. Calls that change a file in the folder count, and those that
// start a process, of all its threads, in the order in which they come. Exits
// with 137 then; with 143 when it was ended by SIGTERM before.

#include <sched.h>
#include <sys/syscall.h>

#include <fstream>
#include <string>

#include "absl/strings/match.h"
#include "tests/testing/file_calls.h"
#include "tests/testing/traced_program.h"

namespace lockstep::testing {
namespace {

bool StartsAProcess(const TracedChild& child) {
  const auto& entry = child.call().entry;
  switch (entry.nr) {
    case SYS_fork:
    case SYS_vfork:
      return true;
    case SYS_clone:
      return (entry.args[0] & CLONE_THREAD) == 0;
    case SYS_clone3:
      // The first word of its arguments.
      return (child.WordAt(entry.args[0]) & CLONE_THREAD) == 0;
    default:
      return false;
  }
}

bool Counts(const TracedChild& child, const std::string& folder) {
  if (StartsAProcess(child)) return true;
  const __ptrace_syscall_info& call = child.call();
  if (!ChangesAFile(call)) return false;
  return !HasDescriptor(call) ||
         absl::StartsWith(child.PathOf(static_cast<int>(call.entry.args[0])),
                          folder);
}

int Run(const std::string& file, const std::string& folder, char** argv) {
  TracedProgram program(argv);
  int left = 0;
  while (program.child().RunToCall()) {
    if (!Counts(program.child(), folder)) continue;
    if (left == 0 && !(std::ifstream(file) >> left)) continue;
    if (--left > 0) continue;
    program.child().Kill();
    return 137;
  }
  return 143;
}

}  // namespace
}  // namespace lockstep::testing

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  return lockstep::testing::Run(argv[1], argv[2], argv + 3);
}
