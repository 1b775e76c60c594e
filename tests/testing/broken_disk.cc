// Preloaded into a program: while the file exists that LOCKSTEP_BROKEN_DISK
// names, no data of a SQLite store gets from its page cache to the disk.

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

bool IsBroken(int fd) {
  const char* flag = std::getenv("LOCKSTEP_BROKEN_DISK");
  if (flag == nullptr || access(flag, F_OK) != 0) return false;
  char link[64];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  char path[4096] = {};
  return readlink(link, path, sizeof(path) - 1) > 0 &&
         std::strstr(path, "/lockstep.db") != nullptr;
}

int Sync(long call, int fd) {
  if (!IsBroken(fd)) return static_cast<int>(syscall(call, fd));
  errno = EIO;
  return -1;
}

}  // namespace

extern "C" int fsync(int fd) { return Sync(SYS_fsync, fd); }
extern "C" int fdatasync(int fd) { return Sync(SYS_fdatasync, fd); }
