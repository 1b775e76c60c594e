#ifndef LOCKSTEP_KERNELS_CPU_CACHE_LINE_H_
#define LOCKSTEP_KERNELS_CPU_CACHE_LINE_H_

#include <cstdint>

namespace lockstep::simd {

// A line of the cache, in floats: vectors that straddle two are slow.
inline constexpr int64_t kLine = 16;

// The first float of a line from here on; less than kLine further.
inline float* AlignToLine(float* from) {
  const auto place = reinterpret_cast<uintptr_t>(from) / sizeof(float);
  return from + (kLine - place % kLine) % kLine;
}

}  // namespace lockstep::simd

#endif  // LOCKSTEP_KERNELS_CPU_CACHE_LINE_H_
