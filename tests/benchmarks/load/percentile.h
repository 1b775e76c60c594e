#ifndef LOCKSTEP_TESTS_BENCHMARKS_LOAD_PERCENTILE_H_
#define LOCKSTEP_TESTS_BENCHMARKS_LOAD_PERCENTILE_H_

#include <algorithm>
#include <cstddef>
#include <vector>

namespace lockstep::load {

// The value that a share `part` of all does not exceed; 0 of none.
inline double Percentile(std::vector<double> values, double part) {
  if (values.empty()) return 0;
  const auto index =
      static_cast<size_t>(part * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(),
                   values.begin() + static_cast<std::ptrdiff_t>(index),
                   values.end());
  return values[index];
}

}  // namespace lockstep::load

#endif  // LOCKSTEP_TESTS_BENCHMARKS_LOAD_PERCENTILE_H_
