// A block takes a stretch of one row; a thread loads all it needs before it
// stores, as the backward pass is in place.

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/swiglu.h"

namespace lockstep {
namespace cuda {
namespace {

constexpr int kPerThread = 2;  // Vectors.
constexpr int kThreads = 256;

__device__ inline float Sigmoid(float x) { return 1.0f / (1.0f + __expf(-x)); }

template <typename T, int kWidth>
__device__ void StoreForward(T* out, const Vector<T, kWidth>& gate,
                             const Vector<T, kWidth>& up) {
  float g[kWidth], u[kWidth];
  Unpack(gate, g);
  Unpack(up, u);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) g[i] = g[i] * Sigmoid(g[i]) * u[i];
  StoreFloats<kWidth>(out, g);
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    ForwardKernel(const Matrix<T> out, const Matrix<T> gate_up, int cols) {
  const int64_t row = blockIdx.x;
  const int step = blockDim.x * kWidth;
  const int begin =
      (blockIdx.y * kPerThread * blockDim.x + threadIdx.x) * kWidth;
  const T* gates = gate_up.row(row);
  Vector<T, kWidth> gate[kPerThread], up[kPerThread];
#pragma unroll
  for (int k = 0; k < kPerThread; ++k) {
    const int col = begin + k * step;
    if (col >= cols) continue;
    gate[k] = Load<kWidth>(gates + col);
    up[k] = Load<kWidth>(gates + cols + col);
  }
#pragma unroll
  for (int k = 0; k < kPerThread; ++k) {
    const int col = begin + k * step;
    if (col < cols) StoreForward(out.row(row) + col, gate[k], up[k]);
  }
}

template <typename T, int kWidth>
__device__ void StoreBackward(T* gate, T* up, T* activation,
                              const Vector<T, kWidth>& gate_vector,
                              const Vector<T, kWidth>& up_vector,
                              const Vector<T, kWidth>& d_out_vector) {
  float g[kWidth], u[kWidth], d[kWidth], out[kWidth];
  Unpack(gate_vector, g);
  Unpack(up_vector, u);
  Unpack(d_out_vector, d);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    const float s = Sigmoid(g[i]);
    const float silu = g[i] * s;
    out[i] = silu * u[i];
    g[i] = d[i] * u[i] * s * (1.0f + g[i] * (1.0f - s));
    u[i] = d[i] * silu;
  }
  StoreFloats<kWidth>(gate, g);
  StoreFloats<kWidth>(up, u);
  if (activation != nullptr) StoreFloats<kWidth>(activation, out);
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    BackwardKernel(const Matrix<T> gate_up, const Matrix<T> activation,
                   const Matrix<T> d_out, int cols) {
  const int64_t row = blockIdx.x;
  const int step = blockDim.x * kWidth;
  const int begin =
      (blockIdx.y * kPerThread * blockDim.x + threadIdx.x) * kWidth;
  T* gates = gate_up.row(row);
  T* again = activation.data == nullptr ? nullptr : activation.row(row);
  Vector<T, kWidth> gate[kPerThread], up[kPerThread], d[kPerThread];
#pragma unroll
  for (int k = 0; k < kPerThread; ++k) {
    const int col = begin + k * step;
    if (col >= cols) continue;
    gate[k] = Load<kWidth>(gates + col);
    up[k] = Load<kWidth>(gates + cols + col);
    d[k] = Load<kWidth>(d_out.row(row) + col);
  }
#pragma unroll
  for (int k = 0; k < kPerThread; ++k) {
    const int col = begin + k * step;
    if (col >= cols) continue;
    StoreBackward(gates + col, gates + cols + col,
                  again == nullptr ? nullptr : again + col, gate[k], up[k],
                  d[k]);
  }
}

struct Grid {
  dim3 blocks;
  int threads;
};

Grid GridFor(int64_t rows, int64_t vectors) {
  const int threads = ThreadsFor(vectors, kPerThread, kThreads);
  return {dim3(rows, CeilDivide(vectors, threads * kPerThread)), threads};
}

}  // namespace
}  // namespace cuda

absl::Status SwigluForwardCuda(TensorView out_TI, TensorView gate_up,
                               Stream stream) {
  const int64_t rows = out_TI.rows, cols = out_TI.cols;
  if (rows == 0 || cols == 0) return absl::OkStatus();
  return cuda::LaunchOn(
      "swiglu", {out_TI, gate_up}, [&]<typename T, int kWidth>() {
        const cuda::Grid grid = cuda::GridFor(rows, cols / kWidth);
        cuda::ForwardKernel<T, kWidth>
            <<<grid.blocks, grid.threads, 0, cuda::Handle(stream)>>>(
                cuda::Matrix<T>(out_TI), cuda::Matrix<T>(gate_up),
                static_cast<int>(cols));
      });
}

absl::Status SwigluBackwardCuda(TensorView gate_up, TensorView activation_TI,
                                TensorView d_out_TI, Stream stream) {
  const int64_t rows = d_out_TI.rows, cols = d_out_TI.cols;
  if (rows == 0 || cols == 0) return absl::OkStatus();
  return cuda::LaunchOn(
      "swiglu", {gate_up, activation_TI, d_out_TI},
      [&]<typename T, int kWidth>() {
        const cuda::Grid grid = cuda::GridFor(rows, cols / kWidth);
        cuda::BackwardKernel<T, kWidth>
            <<<grid.blocks, grid.threads, 0, cuda::Handle(stream)>>>(
                cuda::Matrix<T>(gate_up), cuda::Matrix<T>(activation_TI),
                cuda::Matrix<T>(d_out_TI), static_cast<int>(cols));
      });
}

}  // namespace lockstep
