#include "tests/kernels/cuda/device_memory.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace lockstep::testing {
namespace {

constexpr float kUntouchedElement = -12352;  // A bfloat16.

void Check(cudaError_t error) {
  EXPECT_EQ(CudaStatus("test", error).message(), "");
}

int64_t SizeOf(DType dtype) { return dtype == DType::kBFloat16 ? 2 : 4; }

// To nearest, ties to even.
uint16_t ToBFloat16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  if (std::isnan(value)) return 0x7FC0;
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

float FromBFloat16(uint16_t half) {
  const uint32_t bits = uint32_t{half} << 16;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

}  // namespace

void Synchronize() { Check(cudaDeviceSynchronize()); }

DeviceMemory::DeviceMemory(int64_t bytes) { Check(cudaMalloc(&data_, bytes)); }

DeviceMemory::~DeviceMemory() { cudaFree(data_); }

DeviceMemory::DeviceMemory(DeviceMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)) {}

void DeviceMemory::CopyFrom(const void* host, int64_t bytes) {
  Check(cudaMemcpy(data_, host, bytes, cudaMemcpyHostToDevice));
}

void DeviceMemory::CopyTo(void* host, int64_t bytes) const {
  Synchronize();
  Check(cudaMemcpy(host, data_, bytes, cudaMemcpyDeviceToHost));
}

float Rounded(float value, DType dtype) {
  return dtype == DType::kBFloat16 ? FromBFloat16(ToBFloat16(value)) : value;
}

Matrix Rounded(Matrix matrix, DType dtype) {
  const TensorView view = matrix.view();
  for (int64_t r = 0; r < view.rows; ++r) {
    for (int64_t c = 0; c < view.cols; ++c) {
      matrix.at(r, c) = Rounded(matrix.at(r, c), dtype);
    }
  }
  return matrix;
}

DeviceMatrix::DeviceMatrix(int64_t rows, int64_t cols, DType dtype,
                           int64_t tail)
    : memory_(rows * (cols + tail) * SizeOf(dtype)),
      view_({.data = memory_.data(),
             .rows = rows,
             .cols = cols,
             .stride = cols + tail,
             .device = Device::kCuda,
             .dtype = dtype}) {}

void DeviceMatrix::Upload(const std::vector<float>& values) {
  if (values.empty()) return;
  const auto size = static_cast<int64_t>(values.size());
  std::vector<float> floats(size / view_.cols * view_.stride,
                            kUntouchedElement);
  for (int64_t i = 0; i < size; ++i) {
    floats[i / view_.cols * view_.stride + i % view_.cols] = values[i];
  }
  if (view_.dtype == DType::kFloat32) {
    memory_.CopyFrom(floats.data(), floats.size() * 4);
    return;
  }
  std::vector<uint16_t> halves;
  halves.reserve(floats.size());
  for (const float value : floats) halves.push_back(ToBFloat16(value));
  memory_.CopyFrom(halves.data(), halves.size() * 2);
}

DeviceMatrix::DeviceMatrix(const Matrix& matrix, DType dtype, int64_t tail)
    : DeviceMatrix(matrix.rows(), matrix.cols(), dtype, tail) {
  Upload(matrix.Values());
}

DeviceMatrix DeviceMatrix::Repeated(const Matrix& matrix, int64_t rows,
                                    DType dtype, int64_t tail) {
  DeviceMatrix repeated(rows, matrix.cols(), dtype, tail);
  std::vector<float> values = matrix.Values();
  int64_t filled = std::min(rows, matrix.rows());
  values.resize(filled * matrix.cols());
  repeated.Upload(values);
  auto* data = static_cast<char*>(repeated.memory_.data());
  const int64_t row_bytes = repeated.view_.stride * SizeOf(dtype);
  while (filled < rows) {
    const int64_t more = std::min(filled, rows - filled);
    Check(cudaMemcpy(data + filled * row_bytes, data, more * row_bytes,
                     cudaMemcpyDeviceToDevice));
    filled += more;
  }
  return repeated;
}

DeviceMatrix DeviceMatrix::Poisoned(int64_t rows, int64_t cols, DType dtype,
                                    int64_t tail) {
  DeviceMatrix poisoned(rows, cols, dtype, tail);
  poisoned.Upload(
      std::vector<float>(rows * cols, std::numeric_limits<float>::quiet_NaN()));
  return poisoned;
}

Matrix DeviceMatrix::Download() const {
  const int64_t size = view_.rows * view_.stride;
  std::vector<float> floats(size);
  if (view_.dtype == DType::kFloat32) {
    memory_.CopyTo(floats.data(), size * 4);
  } else {
    std::vector<uint16_t> halves(size);
    memory_.CopyTo(halves.data(), size * 2);
    for (int64_t i = 0; i < size; ++i) floats[i] = FromBFloat16(halves[i]);
  }
  Matrix matrix(view_.rows, view_.cols);
  for (int64_t i = 0; i < size; ++i) {
    const int64_t row = i / view_.stride, col = i % view_.stride;
    if (col < view_.cols) {
      matrix.at(row, col) = floats[i];
    } else {
      EXPECT_EQ(floats[i], kUntouchedElement) << "tail of row " << row;
    }
  }
  return matrix;
}

double RelativeError(const Matrix& a, const Matrix& b) {
  return RelativeError(a, b.ToDoubles());
}

double RelativeError(const std::vector<float>& a, const std::vector<float>& b) {
  return RelativeError(a, std::vector<double>(b.begin(), b.end()));
}

}  // namespace lockstep::testing
