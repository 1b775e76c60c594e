#ifndef LOCKSTEP_TESTS_BENCHMARKS_KERNEL_TIMES_H_
#define LOCKSTEP_TESTS_BENCHMARKS_KERNEL_TIMES_H_

// What a GPU spends its time on, through Torch's profiler.

#include <functional>
#include <string>
#include <vector>

namespace lockstep {

struct KernelTime {
  std::string name;
  int calls = 0;
  double milliseconds = 0;
};

// Of all kernels and copies that `work` starts, the longest first. `work` ends
// with the GPU idle.
std::vector<KernelTime> ProfileKernels(const std::function<void()>& work);

}  // namespace lockstep

#endif  // LOCKSTEP_TESTS_BENCHMARKS_KERNEL_TIMES_H_
