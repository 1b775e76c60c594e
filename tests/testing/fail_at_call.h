#ifndef LOCKSTEP_TESTS_TESTING_FAIL_AT_CALL_H_
#define LOCKSTEP_TESTS_TESTING_FAIL_AT_CALL_H_

// A disk that fails at any system call of a program's own choice of calls.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace lockstep::testing {

struct FailingCall {
  // The n-th call about a file (file_calls.h), from 1.
  int n = 1;
  // Its errno.
  int error = 0;
  // And that of all such calls after it.
  bool for_good = false;
};

// For suites of tests with a parameter: a disk that is full or broken, for one
// call or for good, and the name of each.
std::vector<FailingCall> BadDisks();
std::string NameOfDisk(const ::testing::TestParamInfo<FailingCall>& info);

// Runs `work` in a child process, in which that call fails. What `work`
// returned; none when it came to its end before the call. Calls of several
// threads count in the order in which they come.
std::optional<absl::Status> FailAtCall(
    const FailingCall& failing, const std::function<absl::Status()>& work);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_TESTING_FAIL_AT_CALL_H_
