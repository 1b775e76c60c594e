// Adapters are small: one element a thread, first those of A, then those of B.

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/lora_pack.h"

namespace lockstep {
namespace cuda {
namespace {

constexpr int kThreads = 256;

template <typename T>
struct Params {
  Matrix<T> a_rows;     // Where A goes, from its row on.
  Matrix<T> b_columns;  // Where B goes, from its row and column on.
  Matrix<float> a, b;
  int64_t a_size;
  int64_t b_size;
  int in;
  int rank;
  float scale;
};

template <typename T>
__global__ void __launch_bounds__(kThreads) PackKernel(const Params<T> params) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i < params.a_size) {
    const int64_t row = i / params.in, col = i % params.in;
    const float value[] = {params.a.row(row)[col]};
    StoreFloats<1>(params.a_rows.row(row) + col, value);
  } else if (i - params.a_size < params.b_size) {
    const int64_t row = (i - params.a_size) / params.rank;
    const int64_t col = (i - params.a_size) % params.rank;
    const float value[] = {params.scale * params.b.row(row)[col]};
    StoreFloats<1>(params.b_columns.row(row) + col, value);
  }
}

TensorView From(TensorView view, int64_t row, int64_t col) {
  const int64_t size = view.dtype == DType::kBFloat16 ? 2 : 4;
  view.data = static_cast<char*>(view.data) + (row * view.stride + col) * size;
  return view;
}

}  // namespace
}  // namespace cuda

absl::Status LoraPackCuda(const LoraPackArgs& args, Stream stream) {
  const int64_t rank = args.a_RK.rows, in = args.a_RK.cols;
  const int64_t a_size = rank * in, b_size = args.b_NR.rows * rank;
  if (a_size + b_size == 0) return absl::OkStatus();
  const DType dtype = args.scaled_b_NR.dtype;
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(cuda::CheckViews(
      "lora_pack", dtype, {args.stacked_a_RK, args.scaled_b_NR}));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      cuda::CheckViews("lora_pack", DType::kFloat32, {args.a_RK, args.b_NR}));
  cuda::WithDType(dtype, /*aligned=*/false, [&]<typename T, int kWidth>() {
    const cuda::Params<T> params = {
        .a_rows =
            cuda::Matrix<T>(cuda::From(args.stacked_a_RK, args.column, 0)),
        .b_columns = cuda::Matrix<T>(
            cuda::From(args.scaled_b_NR, args.row, args.column)),
        .a = cuda::Matrix<float>(args.a_RK),
        .b = cuda::Matrix<float>(args.b_NR),
        .a_size = a_size,
        .b_size = b_size,
        .in = static_cast<int>(in),
        .rank = static_cast<int>(rank),
        .scale = static_cast<float>(args.scale)};
    const int64_t blocks = cuda::CeilDivide(a_size + b_size, cuda::kThreads);
    cuda::PackKernel<T>
        <<<blocks, cuda::kThreads, 0, cuda::Handle(stream)>>>(params);
  });
  return CudaStatus("lora_pack", cudaGetLastError());
}

}  // namespace lockstep
