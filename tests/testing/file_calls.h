#ifndef LOCKSTEP_TESTS_TESTING_FILE_CALLS_H_
#define LOCKSTEP_TESTS_TESTING_FILE_CALLS_H_

// Which system calls are about files.

#include <sys/ptrace.h>

namespace lockstep::testing {

// Write, sync, truncate, rename, unlink, create.
bool ChangesAFile(const __ptrace_syscall_info& call);

// Whether one of those names its file by a descriptor, its first argument, and
// not by a path.
bool HasDescriptor(const __ptrace_syscall_info& call);

// Those, and what comes before and after them: open, close, read a folder.
bool IsFileCall(const __ptrace_syscall_info& call);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_TESTING_FILE_CALLS_H_
