#ifndef LOCKSTEP_TESTS_KERNELS_CUDA_CUDA_KERNEL_TEST_H_
#define LOCKSTEP_TESTS_KERNELS_CUDA_CUDA_KERNEL_TEST_H_

// Each CUDA kernel against its CPU twin on the same rounded inputs, for both
// dtypes, shapes with and without 16-byte accesses, and rows longer than a
// block keeps. Everything runs twice and must give the same bits.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/kernels/cuda/device_memory.h"
#include "tests/kernels/matrix.h"

namespace lockstep::testing {

struct CudaCase {
  DType dtype;
  int64_t rows;
  int64_t cols;
  int64_t tail;
};

inline std::string CaseName(const ::testing::TestParamInfo<CudaCase>& info) {
  return absl::StrCat(DTypeName(info.param.dtype), "_", info.param.rows, "x",
                      info.param.cols, "_tail", info.param.tail);
}

inline std::vector<CudaCase> CudaCases() {
  std::vector<CudaCase> cases;
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    cases.push_back({dtype, 1, 1, 0});
    cases.push_back({dtype, 3, 8, 8});
    cases.push_back({dtype, 7, 33, 3});
    cases.push_back({dtype, 300, 264, 64});
    cases.push_back({dtype, 1031, 896, 64});
    cases.push_back({dtype, 5, 4096, 3});  // Aligned rows, unaligned stride.
    cases.push_back({dtype, 2, 20008, 8});
    cases.push_back({dtype, 3, 5003, 1});
  }
  return cases;
}

class CudaKernelTest : public ::testing::TestWithParam<CudaCase> {
 protected:
  DType dtype() const { return GetParam().dtype; }
  int64_t rows() const { return GetParam().rows; }
  int64_t cols() const { return GetParam().cols; }
  int64_t tail() const { return GetParam().tail; }
  // Float32 arithmetic in another order; or rounding to bfloat16.
  double Tolerance() const { return dtype() == DType::kBFloat16 ? 4e-3 : 3e-6; }

  // Random, and representable in the dtype.
  Matrix Random(int64_t rows, int64_t cols, uint64_t seed,
                float range = 1) const {
    return Rounded(Matrix::Random(rows, cols, seed, range), dtype());
  }
  Matrix Random(uint64_t seed, float range = 1) const {
    return Random(rows(), cols(), seed, range);
  }
  DeviceMatrix OnDevice(const Matrix& matrix) const {
    return {matrix, dtype(), tail()};
  }
  DeviceMatrix Output() const { return Output(rows(), cols()); }
  DeviceMatrix Output(int64_t rows, int64_t cols) const {
    return DeviceMatrix::Poisoned(rows, cols, dtype(), tail());
  }
};

#define LOCKSTEP_INSTANTIATE_CUDA_TEST(Suite)                              \
  INSTANTIATE_TEST_SUITE_P(Cases, Suite, ::testing::ValuesIn(CudaCases()), \
                           CaseName)

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_KERNELS_CUDA_CUDA_KERNEL_TEST_H_
