#ifndef LOCKSTEP_KERNELS_CUDA_FETCH_CUH_
#define LOCKSTEP_KERNELS_CUDA_FETCH_CUH_

// Vectors on their way from device memory to shared memory while a thread does
// something else: reads are under way without a register for each. A thread
// waits for its own fetches only, so it may read what it has fetched itself
// without a barrier, and others may after one.

#include <cstdint>

#include "kernels/cuda/elements.cuh"

namespace lockstep::cuda {

// Of less than 16 bytes a vector is there at once.
template <int kWidth, typename T>
__device__ inline void Fetch(Vector<T, kWidth>* to, const T* from) {
  if constexpr (sizeof(Vector<T, kWidth>) == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(
                     static_cast<uint32_t>(__cvta_generic_to_shared(to))),
                 "l"(__cvta_generic_to_global(from))
                 : "memory");
  } else {
    *to = Load<kWidth>(from);
  }
}

// Ends a group of fetches, which may be empty.
__device__ inline void EndFetches() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

// Returns when all of this thread's groups but the youngest kYoungest are here.
template <int kYoungest>
__device__ inline void WaitForFetches() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kYoungest) : "memory");
}

// This thread's vectors of a row, whose `cols` are a multiple of kWidth.
template <int kWidth, typename T>
__device__ inline void FetchRow(Vector<T, kWidth>* to, const T* from,
                                int cols) {
#pragma unroll 4
  for (int col = threadIdx.x * kWidth; col < cols; col += blockDim.x * kWidth) {
    Fetch(to + col / kWidth, from + col);
  }
}

}  // namespace lockstep::cuda

#endif  // LOCKSTEP_KERNELS_CUDA_FETCH_CUH_
