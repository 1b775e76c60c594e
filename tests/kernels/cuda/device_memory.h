#ifndef LOCKSTEP_TESTS_KERNELS_CUDA_DEVICE_MEMORY_H_
#define LOCKSTEP_TESTS_KERNELS_CUDA_DEVICE_MEMORY_H_

// GPU memory for tests and benchmarks: strided matrices in either dtype, and
// flat arrays. Errors of CUDA fail the test.

#include <cuda_runtime_api.h>

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/cuda_status.h"
#include "kernels/tensor_view.h"
#include "tests/kernels/matrix.h"

namespace lockstep::testing {

// Fails the test unless all kernels so far have ended well.
void Synchronize();

class DeviceMemory {
 public:
  explicit DeviceMemory(int64_t bytes);
  ~DeviceMemory();
  DeviceMemory(DeviceMemory&& other) noexcept;
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  void* data() const { return data_; }
  void CopyFrom(const void* host, int64_t bytes);
  void CopyTo(void* host, int64_t bytes) const;

 private:
  void* data_ = nullptr;
};

template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& values)
      : size_(values.size()), memory_(size_ * sizeof(T)) {
    memory_.CopyFrom(values.data(), size_ * sizeof(T));
  }
  T* data() const { return static_cast<T*>(memory_.data()); }
  std::vector<T> Values() const {
    std::vector<T> values(size_);
    memory_.CopyTo(values.data(), size_ * sizeof(T));
    return values;
  }

 private:
  int64_t size_;
  DeviceMemory memory_;
};

// What the dtype keeps of a value.
float Rounded(float value, DType dtype);
Matrix Rounded(Matrix matrix, DType dtype);

class DeviceMatrix {
 public:
  // A copy, with `tail` columns of a known value behind each row.
  DeviceMatrix(const Matrix& matrix, DType dtype, int64_t tail);
  // `rows` rows: those of `matrix` over and over.
  static DeviceMatrix Repeated(const Matrix& matrix, int64_t rows, DType dtype,
                               int64_t tail);
  // All NaN but the tails: for outputs.
  static DeviceMatrix Poisoned(int64_t rows, int64_t cols, DType dtype,
                               int64_t tail);

  TensorView view() const { return view_; }
  // Waits for the kernels. The tails must be as they were.
  Matrix Download() const;

 private:
  // Uninitialised.
  DeviceMatrix(int64_t rows, int64_t cols, DType dtype, int64_t tail);
  // Writes the first rows, and their tails.
  void Upload(const std::vector<float>& values);

  DeviceMemory memory_;
  TensorView view_;
};

// ||a - b|| / ||b||
double RelativeError(const Matrix& a, const Matrix& b);
double RelativeError(const std::vector<float>& a, const std::vector<float>& b);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_KERNELS_CUDA_DEVICE_MEMORY_H_
