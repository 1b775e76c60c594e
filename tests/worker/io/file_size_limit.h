#ifndef LOCKSTEP_TESTS_WORKER_IO_FILE_SIZE_LIMIT_H_
#define LOCKSTEP_TESTS_WORKER_IO_FILE_SIZE_LIMIT_H_

// While it lives, no file of this process grows above a size: a full disk for
// those who write.

#include <sys/resource.h>

#include <csignal>

#include "gtest/gtest.h"

namespace lockstep::testing {

class ScopedFileSizeLimit {
 public:
  explicit ScopedFileSizeLimit(rlim_t bytes)
      : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    EXPECT_EQ(getrlimit(RLIMIT_FSIZE, &before_), 0);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~ScopedFileSizeLimit() {
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &before_), 0);
    std::signal(SIGXFSZ, handler_);
  }
  ScopedFileSizeLimit(const ScopedFileSizeLimit&) = delete;
  ScopedFileSizeLimit& operator=(const ScopedFileSizeLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_WORKER_IO_FILE_SIZE_LIMIT_H_
