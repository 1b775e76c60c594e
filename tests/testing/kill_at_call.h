#ifndef LOCKSTEP_TESTS_TESTING_KILL_AT_CALL_H_
#define LOCKSTEP_TESTS_TESTING_KILL_AT_CALL_H_

// kill -9 at every system call by which a program changes files.

#include <functional>

namespace lockstep::testing {

// Runs `work` in a child process, which is killed on entering the n-th call
// (from 1) that changes a file: write, sync, truncate, rename, unlink, create.
// False when `work` came to its end before.
bool KillAtCall(int n, const std::function<void()>& work);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_TESTING_KILL_AT_CALL_H_
