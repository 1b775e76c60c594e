#include "kernels/cpu/vector_width.h"

#include <algorithm>
#include <atomic>

namespace lockstep::simd {
namespace {

int MachineLanes() {
  const bool avx2 = __builtin_cpu_supports("avx2") &&
                    __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi2");
  const bool avx512 =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx2 && avx512) return 16;
  return avx2 ? 8 : 4;
}

std::atomic<int>& Lanes() {
  static std::atomic<int> lanes = MachineLanes();
  return lanes;
}

}  // namespace

int VectorLanes() { return Lanes().load(std::memory_order_relaxed); }

ScopedVectorLanes::ScopedVectorLanes(int lanes) {
  Lanes() = std::min(lanes, MachineLanes());
}

ScopedVectorLanes::~ScopedVectorLanes() { Lanes() = MachineLanes(); }

}  // namespace lockstep::simd
