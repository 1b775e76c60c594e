#include "tests/testing/file_calls.h"

#include <fcntl.h>
#include <sys/syscall.h>

namespace lockstep::testing {

bool HasDescriptor(const __ptrace_syscall_info& call) {
  switch (call.entry.nr) {
    case SYS_write:
    case SYS_pwrite64:
    case SYS_pwritev:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_ftruncate:
    case SYS_fallocate:
    case SYS_fchmod:
      return true;
    default:
      return false;
  }
}

bool ChangesAFile(const __ptrace_syscall_info& call) {
  if (HasDescriptor(call)) return true;
  switch (call.entry.nr) {
    case SYS_rename:
    case SYS_renameat2:
    case SYS_unlink:
    case SYS_unlinkat:
    case SYS_rmdir:
    case SYS_mkdir:
    case SYS_chmod:
    case SYS_fchmodat:
      return true;
    case SYS_openat:
      return (call.entry.args[2] & O_CREAT) != 0;
    default:
      return false;
  }
}

bool IsFileCall(const __ptrace_syscall_info& call) {
  switch (call.entry.nr) {
    case SYS_openat:
    case SYS_close:
    case SYS_getdents64:
    case SYS_statfs:
      return true;
    default:
      return ChangesAFile(call);
  }
}

}  // namespace lockstep::testing
