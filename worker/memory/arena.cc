#include "worker/memory/arena.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "proto/contract/check.h"

namespace lockstep {
namespace {

// A line of the CPU's cache, and what vector loads and cuBLAS want on a GPU.
constexpr int64_t kAlignment = 256;

int64_t RoundUp(int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

Arena::Arena(int64_t bytes, at::Device device)
    : block_(at::zeros({std::max<int64_t>(bytes, 1)},
                       at::TensorOptions(at::kByte).device(device))) {}

at::Tensor Arena::Take(at::IntArrayRef shape, at::ScalarType type) {
  int64_t elements = 1;
  for (int64_t size : shape) elements *= size;
  const int64_t bytes =
      RoundUp(elements * static_cast<int64_t>(c10::elementSize(type)));
  const int64_t begin = used_;
  used_ += bytes;
  peak_ = std::max(peak_, used_);
  if (measuring()) return at::Tensor();
  LOCKSTEP_CHECK(used_ <= block_.numel());
  return at::from_blob(block_.data_ptr<uint8_t>() + begin, shape,
                       block_.options().dtype(type));
}

void Arena::Release(int64_t mark) {
  LOCKSTEP_CHECK(mark <= used_);
  used_ = mark;
}

}  // namespace lockstep
