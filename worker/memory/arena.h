#ifndef LOCKSTEP_WORKER_MEMORY_ARENA_H_
#define LOCKSTEP_WORKER_MEMORY_ARENA_H_

// One block of memory from which all buffers of a training step are cut, once,
// before the first step. Buffers are given back in the reverse order of their
// taking (Mark, Release), so that scratch of the forward pass, of the head and
// of the backward pass can share one place.
//
// The same carving code runs twice: on a measuring arena, which has no memory,
// hands out undefined tensors and only counts; then on a real one of the size
// that was measured. Used by one thread.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace lockstep {

class Arena {
 public:
  // A measuring arena.
  Arena() = default;
  // A real one on `device`. Its memory is zeroed, so that padding that nobody
  // writes is 0.
  Arena(int64_t bytes, at::Device device);

  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  bool measuring() const { return !block_.defined(); }

  // A contiguous buffer that begins at a multiple of 256 bytes of the block
  // (which Torch aligns to 64 on the CPU, and more on a GPU); undefined on a
  // measuring arena. It lives as long as the arena. A real arena that is too
  // small is a defect of the plan and ends the process.
  at::Tensor Take(at::IntArrayRef shape, at::ScalarType type = at::kFloat);

  // What is in use now; Release(mark) gives back all that was taken since.
  int64_t Mark() const { return used_; }
  void Release(int64_t mark);

  // The most that was ever in use.
  int64_t peak_bytes() const { return peak_; }

 private:
  at::Tensor block_;
  int64_t used_ = 0;
  int64_t peak_ = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MEMORY_ARENA_H_
