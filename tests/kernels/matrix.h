#ifndef LOCKSTEP_TESTS_KERNELS_MATRIX_H_
#define LOCKSTEP_TESTS_KERNELS_MATRIX_H_

// What the kernel tests compute with: strided float32 matrices whose tails tell
// when somebody wrote there, and plain float64 ones for the oracles.

#include <cstdint>
#include <functional>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/cpu/vector_width.h"
#include "kernels/tensor_view.h"

namespace lockstep::testing {

// A float64 matrix without tails.
struct Doubles {
  Doubles(int64_t rows, int64_t cols)
      : rows(rows), cols(cols), values(rows * cols) {}
  double& at(int64_t r, int64_t c) { return values[r * cols + c]; }
  double at(int64_t r, int64_t c) const { return values[r * cols + c]; }

  int64_t rows;
  int64_t cols;
  std::vector<double> values;
};

class Matrix {
 public:
  static constexpr int64_t kTail = 3;

  // Zeros. Behind each row come `tail` columns of a known value.
  Matrix(int64_t rows, int64_t cols, int64_t tail = kTail);
  // Uniform in [-range, range].
  static Matrix Random(int64_t rows, int64_t cols, uint64_t seed,
                       float range = 1, int64_t tail = kTail);

  float& at(int64_t r, int64_t c) { return data_[r * stride_ + c]; }
  float at(int64_t r, int64_t c) const { return data_[r * stride_ + c]; }
  float* data() { return data_.data(); }
  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  TensorView view();
  Doubles ToDoubles() const;
  // Of the elements, without the tails.
  std::vector<float> Values() const;
  bool TailsAreUntouched() const;

 private:
  int64_t rows_;
  int64_t cols_;
  int64_t stride_;
  std::vector<float> data_;
};

// ||a - b|| / ||b||, and ||a|| where b is zero.
double RelativeError(const Matrix& a, const Doubles& b);
double RelativeError(const std::vector<float>& a, const std::vector<double>& b);

// The gradient of `loss` over `input` by central differences.
Doubles FiniteDifferences(const Doubles& input,
                          const std::function<double(const Doubles&)>& loss);
double RelativeError(const Doubles& a, const Doubles& b);

// sum(a * b): a loss whose gradient over `a` is `b`.
double Dot(const Doubles& a, const Doubles& b);

// Each test runs once for every vector width. On a machine without the wide
// ones, they are the same test again.
class KernelTest : public ::testing::TestWithParam<int> {
 private:
  simd::ScopedVectorLanes lanes_{GetParam()};
};

#define LOCKSTEP_INSTANTIATE_KERNEL_TEST(Suite)                       \
  INSTANTIATE_TEST_SUITE_P(Lanes, Suite, ::testing::Values(4, 8, 16), \
                           ::testing::PrintToStringParamName())

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_KERNELS_MATRIX_H_
