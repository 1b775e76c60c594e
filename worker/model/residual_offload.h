#ifndef LOCKSTEP_WORKER_MODEL_RESIDUAL_OFFLOAD_H_
#define LOCKSTEP_WORKER_MODEL_RESIDUAL_OFFLOAD_H_

// Where whole blocks are computed again, what a step keeps is the residual
// stream before each of them: the largest part of its memory. On a GPU it waits
// in page-locked memory of the host instead, and two places on the GPU serve
// all blocks in turn. A stream leaves while the next block is computed and
// returns while the block behind its own is passed backward, on a stream of
// copies of its own. For 8192 tokens of an 8B model a copy takes 1.3 to 2.5 ms,
// and a block 5 ms forward and 14 back.
//
// Used by the trainer's thread.

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace lockstep {

// Block i uses place i % kResidualPlaces.
inline constexpr int64_t kResidualPlaces = 2;

class ResidualOffload {
 public:
  // For streams of the shape, type and device of `place_TD`. The last two
  // blocks' are still in place when the backward pass comes to them.
  ResidualOffload(int64_t blocks, const at::Tensor& place_TD);
  // Waits for what is on its way.
  ~ResidualOffload();
  ResidualOffload(const ResidualOffload&) = delete;
  ResidualOffload& operator=(const ResidualOffload&) = delete;

  // Around the forward pass of each block, in order; `residual_TD` are the
  // rows that the block was given.
  void BeforeForward(int64_t block);
  void AfterForward(int64_t block, const at::Tensor& residual_TD);

  // Around the backward pass of each block, in the reverse order, of the same
  // step. `place_TD` is what the block was given, which is free now.
  void BeforeBackward(int64_t block);
  void AfterBackward(int64_t block, const at::Tensor& place_TD);

  // Bytes of host memory.
  int64_t host_bytes() const;

 private:
  // Orders what is asked of the GPU's current stream. On the CPU all is done
  // when it is asked for, and there is none.
  struct Order {
    c10::Stream copies;
    // All of the current stream up to now.
    c10::Event ready;
    // The newest copy from or to each place.
    std::vector<c10::Event> moved;
  };

  bool Stays(int64_t block) const { return block + kResidualPlaces >= blocks_; }
  c10::Event& Moved(int64_t block) {
    return order_->moved[block % kResidualPlaces];
  }
  c10::Stream Current() const;
  void WaitFor(int64_t block);
  void Copy(int64_t block, const at::Tensor& from, const at::Tensor& to);

  const int64_t blocks_;
  const c10::Device device_;
  // Of each block whose stream does not stay.
  std::vector<at::Tensor> host_TD_;
  std::optional<Order> order_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_RESIDUAL_OFFLOAD_H_
