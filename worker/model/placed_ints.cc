#include "worker/model/placed_ints.h"

#include <ATen/ATen.h>

#include "proto/contract/check.h"

namespace lockstep {
namespace {

// A view. Torch takes no pointer to const, but nobody writes here.
at::Tensor OnHost(absl::Span<const int32_t> values) {
  return at::from_blob(const_cast<int32_t*>(values.data()),
                       {static_cast<int64_t>(values.size())}, at::kInt);
}

}  // namespace

PlacedInts::PlacedInts(at::Device device, int64_t capacity) {
  if (device.is_cpu()) return;
  buffer_ = at::empty({capacity}, at::TensorOptions(at::kInt).device(device));
}

void PlacedInts::Place(absl::Span<const int32_t> values) {
  size_ = static_cast<int64_t>(values.size());
  data_ = values.data();
  if (!buffer_.defined()) return;
  LOCKSTEP_CHECK(size_ <= buffer_.numel());
  data_ = buffer_.data_ptr<int32_t>();
  tensor().copy_(OnHost(values));
}

at::Tensor PlacedInts::tensor() const {
  return buffer_.defined() ? buffer_.narrow(0, 0, size_)
                           : OnHost({data_, static_cast<size_t>(size_)});
}

}  // namespace lockstep
