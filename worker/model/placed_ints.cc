#include "worker/model/placed_ints.h"

#include <ATen/ATen.h>

#include "proto/contract/check.h"

namespace lockstep {

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
  // Torch takes no pointer to const, but only reads here.
  tensor().copy_(
      at::from_blob(const_cast<int32_t*>(values.data()), {size_}, at::kInt));
}

at::Tensor PlacedInts::tensor() const {
  LOCKSTEP_CHECK(buffer_.defined());
  return buffer_.narrow(0, 0, size_);
}

}  // namespace lockstep
