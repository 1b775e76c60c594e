#ifndef LOCKSTEP_WORKER_MODEL_PLACED_INTS_H_
#define LOCKSTEP_WORKER_MODEL_PLACED_INTS_H_

// Integers of a batch (ids, positions, labels) where kernels can read them: on
// the CPU the caller's own array, on a GPU a buffer that is made once.
//
// Used by the trainer's thread.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "absl/types/span.h"

namespace lockstep {

class PlacedInts {
 public:
  // Room for `capacity` integers on `device`.
  PlacedInts(at::Device device, int64_t capacity);

  // Until the next call, data() has these `values`, which on the CPU the caller
  // keeps. No more than the capacity.
  void Place(absl::Span<const int32_t> values);

  const int32_t* data() const { return data_; }
  // The values, for what wants a tensor. On the CPU only reading is allowed.
  at::Tensor tensor() const;

 private:
  at::Tensor buffer_;  // Undefined on the CPU.
  const int32_t* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_PLACED_INTS_H_
