#ifndef LOCKSTEP_TESTS_TESTING_TEMP_DIR_H_
#define LOCKSTEP_TESTS_TESTING_TEMP_DIR_H_

// A folder of a test's own, removed at the end. Short enough for a socket.

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "gtest/gtest.h"

namespace lockstep::testing {

class ScopedTempDir {
 public:
  ScopedTempDir() : path_("/tmp/lockstep-test-XXXXXX") {
    EXPECT_NE(mkdtemp(path_.data()), nullptr) << path_;
  }
  ~ScopedTempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScopedTempDir(const ScopedTempDir&) = delete;
  ScopedTempDir& operator=(const ScopedTempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string Path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_TESTING_TEMP_DIR_H_
