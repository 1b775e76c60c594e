#ifndef LOCKSTEP_TESTS_ACCEPTANCE_LENGTH_H_
#define LOCKSTEP_TESTS_ACCEPTANCE_LENGTH_H_

// How much of a thing an acceptance test does: little enough for every `make
// test`, or all that was promised, in `make test-release`.

#include <cstdlib>

#include "absl/strings/string_view.h"

namespace lockstep::testing {

// `full` when LOCKSTEP_TEST_LENGTH is that word, which the ctest entries with
// the label release set.
inline int LengthOfTest(int usual, int full) {
  const char* length = std::getenv("LOCKSTEP_TEST_LENGTH");
  return length != nullptr && absl::string_view(length) == "full" ? full
                                                                  : usual;
}

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_ACCEPTANCE_LENGTH_H_
