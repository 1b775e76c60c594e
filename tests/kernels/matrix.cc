#include "tests/kernels/matrix.h"

#include <cmath>
#include <random>

namespace lockstep::testing {
namespace {

constexpr float kUntouched = -12345.5f;

double RelativeNorm(const std::vector<double>& a,
                    const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double difference = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    norm += b[i] * b[i];
  }
  return std::sqrt(difference) / (norm == 0 ? 1 : std::sqrt(norm));
}

}  // namespace

Matrix::Matrix(int64_t rows, int64_t cols, int64_t tail)
    : rows_(rows),
      cols_(cols),
      stride_(cols + tail),
      data_(rows * stride_, kUntouched) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) at(r, c) = 0;
  }
}

Matrix Matrix::Random(int64_t rows, int64_t cols, uint64_t seed, float range,
                      int64_t tail) {
  std::mt19937_64 generator(seed);
  Matrix matrix(rows, cols, tail);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      const double unit = static_cast<double>(generator() >> 11) * 0x1p-53;
      matrix.at(r, c) = static_cast<float>((2 * unit - 1) * range);
    }
  }
  return matrix;
}

TensorView Matrix::view() {
  return {
      .data = data_.data(), .rows = rows_, .cols = cols_, .stride = stride_};
}

Doubles Matrix::ToDoubles() const {
  Doubles doubles(rows_, cols_);
  for (int64_t r = 0; r < rows_; ++r) {
    for (int64_t c = 0; c < cols_; ++c) doubles.at(r, c) = at(r, c);
  }
  return doubles;
}

std::vector<float> Matrix::Values() const {
  std::vector<float> values;
  for (int64_t r = 0; r < rows_; ++r) {
    for (int64_t c = 0; c < cols_; ++c) values.push_back(at(r, c));
  }
  return values;
}

bool Matrix::TailsAreUntouched() const {
  for (int64_t r = 0; r < rows_; ++r) {
    for (int64_t c = cols_; c < stride_; ++c) {
      if (at(r, c) != kUntouched) return false;
    }
  }
  return true;
}

double RelativeError(const Matrix& a, const Doubles& b) {
  return RelativeNorm(a.ToDoubles().values, b.values);
}

double RelativeError(const std::vector<float>& a,
                     const std::vector<double>& b) {
  return RelativeNorm(std::vector<double>(a.begin(), a.end()), b);
}

double RelativeError(const Doubles& a, const Doubles& b) {
  return RelativeNorm(a.values, b.values);
}

Doubles FiniteDifferences(const Doubles& input,
                          const std::function<double(const Doubles&)>& loss) {
  constexpr double kStep = 1e-5;
  Doubles gradient(input.rows, input.cols);
  Doubles moved = input;
  for (size_t i = 0; i < input.values.size(); ++i) {
    moved.values[i] = input.values[i] + kStep;
    const double above = loss(moved);
    moved.values[i] = input.values[i] - kStep;
    gradient.values[i] = (above - loss(moved)) / (2 * kStep);
    moved.values[i] = input.values[i];
  }
  return gradient;
}

double Dot(const Doubles& a, const Doubles& b) {
  EXPECT_EQ(a.values.size(), b.values.size());
  double sum = 0;
  for (size_t i = 0; i < a.values.size(); ++i) sum += a.values[i] * b.values[i];
  return sum;
}

}  // namespace lockstep::testing
