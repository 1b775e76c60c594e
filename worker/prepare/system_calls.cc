#include "worker/prepare/system_calls.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"

namespace lockstep {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr uint32_t kArchitecture = 0;
#endif

// Numbers from here on are those of the x32 interface, another way to the same
// calls.
constexpr uint32_t kFirstOtherNumber = 0x40000000;

constexpr uint32_t kForbidden[] = {
    // The network; io_uring is another way to it.
    SYS_socket,
    SYS_socketpair,
    SYS_io_uring_setup,
    // Other programs.
    SYS_execve,
    SYS_execveat,
    // Other processes. abort() uses tgkill, which stays.
    SYS_kill,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_pidfd_send_signal,
    SYS_pidfd_getfd,
    // Doors to the kernel that no parser needs.
    SYS_bpf,
    SYS_keyctl,
    SYS_perf_event_open,
    SYS_setns,
    SYS_unshare,
    SYS_userfaultfd,
};

// The program that the kernel runs before each call: it loads what it is asked
// and compares.
std::vector<sock_filter> Filter() {
  const sock_filter forbid =
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
  std::vector<sock_filter> filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0),
      forbid,
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kFirstOtherNumber, 0, 1),
      forbid};
  for (const uint32_t number : kForbidden) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    filter.push_back(forbid);
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return filter;
}

}  // namespace

absl::Status ForbidSystemCalls() {
  if (kArchitecture == 0) {
    return absl::UnimplementedError("no filter is known for this processor");
  }
  std::vector<sock_filter> filter = Filter();
  const sock_fprog program = {static_cast<unsigned short>(filter.size()),
                              filter.data()};
  // Without the first, only root may do the second.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) {
    return absl::OkStatus();
  }
  return absl::UnimplementedError(
      absl::StrCat("the kernel takes no filter: ", std::strerror(errno)));
}

}  // namespace lockstep
