#ifndef LOCKSTEP_TESTS_ACCEPTANCE_SEED_H_
#define LOCKSTEP_TESTS_ACCEPTANCE_SEED_H_

// What a test that kills at random takes its dice from, printed so that the
// same run can be made again.

#include <cstdint>
#include <cstdlib>
#include <iostream>

#include "tests/server/simulation/chance.h"

namespace lockstep::testing {

// LOCKSTEP_TEST_SEED, or 1.
inline uint64_t SeedOfTest() {
  const char* given = std::getenv("LOCKSTEP_TEST_SEED");
  const uint64_t seed =
      given == nullptr ? 1 : std::strtoull(given, nullptr, /*base=*/10);
  std::cout << "LOCKSTEP_TEST_SEED=" << seed << "\n";
  return seed;
}

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_ACCEPTANCE_SEED_H_
