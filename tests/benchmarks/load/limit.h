#ifndef LOCKSTEP_TESTS_BENCHMARKS_LOAD_LIMIT_H_
#define LOCKSTEP_TESTS_BENCHMARKS_LOAD_LIMIT_H_

#include <cstdio>

namespace lockstep::load {

// Says so when a figure is above its limit.
inline bool IsKept(const char* what, double value, double limit) {
  if (value <= limit) return true;
  std::printf("MISSED: %s: %.0f, at most %.0f\n", what, value, limit);
  return false;
}

}  // namespace lockstep::load

#endif  // LOCKSTEP_TESTS_BENCHMARKS_LOAD_LIMIT_H_
