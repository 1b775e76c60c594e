#ifndef LOCKSTEP_TESTS_TESTING_TRACED_PROGRAM_H_
#define LOCKSTEP_TESTS_TESTING_TRACED_PROGRAM_H_

// For programs that go before the command line of another, which they run and
// trace: `tracer OWN-ARGUMENTS PROGRAM ARGUMENTS...`.

#include "tests/testing/traced_child.h"

namespace lockstep::testing {

class TracedProgram {
 public:
  // Starts the program; argv is its command line and ends with a nullptr.
  // SIGTERM to this process kills it.
  explicit TracedProgram(char** argv);

  TracedChild& child() { return child_; }

 private:
  TracedChild child_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_TESTING_TRACED_PROGRAM_H_
