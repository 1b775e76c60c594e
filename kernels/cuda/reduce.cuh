#ifndef LOCKSTEP_KERNELS_CUDA_REDUCE_CUH_
#define LOCKSTEP_KERNELS_CUDA_REDUCE_CUH_

// Reductions over the threads of a block, in an order that depends on the
// number of threads only: the same input gives the same bits.

namespace lockstep::cuda {

inline constexpr int kWarp = 32;
inline constexpr int kMaxWarps = 32;

// `combine(a, b)` over a whole warp; every lane gets the result.
template <typename T, typename Combine>
__device__ inline T WarpReduce(T value, Combine combine) {
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    value = combine(value, __shfl_xor_sync(~0u, value, distance));
  }
  return value;
}

// Over the whole block, whose threads are whole warps; every thread gets the
// result. `identity` fills in for absent warps. `warps` is shared memory, of
// which consecutive calls need two in turn: a slow warp may still read that of
// the last one.
template <typename T, typename Combine>
__device__ inline T BlockReduce(T value, T identity, Combine combine,
                                T (&warps)[kMaxWarps]) {
  value = WarpReduce(value, combine);
  const int lane = threadIdx.x % kWarp;
  if (lane == 0) warps[threadIdx.x / kWarp] = value;
  __syncthreads();
  value = lane < static_cast<int>(blockDim.x) / kWarp ? warps[lane] : identity;
  return WarpReduce(value, combine);
}

// To be called once in a kernel.
template <typename T, typename Combine>
__device__ inline T BlockReduce(T value, T identity, Combine combine) {
  __shared__ T warps[kMaxWarps];
  return BlockReduce(value, identity, combine, warps);
}

template <typename T>
__device__ inline T BlockSum(T value) {
  return BlockReduce(value, T{0}, [](T a, T b) { return a + b; });
}

}  // namespace lockstep::cuda

#endif  // LOCKSTEP_KERNELS_CUDA_REDUCE_CUH_
