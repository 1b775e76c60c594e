#ifndef LOCKSTEP_KERNELS_CPU_VECTOR_WIDTH_H_
#define LOCKSTEP_KERNELS_CPU_VECTOR_WIDTH_H_

// One binary for every x86-64: a CPU kernel is compiled for three widths of
// vector, and the widest that this machine has is called. Widths differ in how
// sums are grouped, so a result depends on the input and the machine type only.

namespace lockstep::simd {

// Floats at a time: 16 (AVX-512), 8 (AVX2 and FMA) or 4 (SSE2).
int VectorLanes();

// For tests: kernels run as on a lesser machine while this lives. `lanes` is 4,
// 8 or 16; above what the machine has, it changes nothing.
class ScopedVectorLanes {
 public:
  explicit ScopedVectorLanes(int lanes);
  ~ScopedVectorLanes();
  ScopedVectorLanes(const ScopedVectorLanes&) = delete;
  ScopedVectorLanes& operator=(const ScopedVectorLanes&) = delete;
};

}  // namespace lockstep::simd

#define LOCKSTEP_TARGET_AVX512 \
  [[gnu::target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2")]]
#define LOCKSTEP_TARGET_AVX2 [[gnu::target("avx2,fma,bmi2")]]

// Given `template <int N> LOCKSTEP_INLINE void Name(const Args& args)`, defines
// `void Name(const Args& args)`, which runs the width of this machine. What the
// template calls must be inlined into it, or it is compiled for SSE2.
// A name cannot stand in parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define LOCKSTEP_DISPATCH_VECTOR_WIDTH(Name, Args)                           \
  LOCKSTEP_TARGET_AVX512 void Name##16(const Args& args) { Name<16>(args); } \
  LOCKSTEP_TARGET_AVX2 void Name##8(const Args& args) { Name<8>(args); }     \
  void Name(const Args& args) {                                              \
    switch (simd::VectorLanes()) {                                           \
      case 16:                                                               \
        return Name##16(args);                                               \
      case 8:                                                                \
        return Name##8(args);                                                \
      default:                                                               \
        return Name<4>(args);                                                \
    }                                                                        \
  }
// NOLINTEND(bugprone-macro-parentheses)

#endif  // LOCKSTEP_KERNELS_CPU_VECTOR_WIDTH_H_
