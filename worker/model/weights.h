#ifndef LOCKSTEP_WORKER_MODEL_WEIGHTS_H_
#define LOCKSTEP_WORKER_MODEL_WEIGHTS_H_

// What a block computes with, and where it leaves its gradients: views of
// buffers that others own. A block asks for them through two small interfaces,
// so that they may one day be gathered when needed; today both only return what
// lies in memory. Who is told of a block's last gradients can send them to the
// other ranks while the pass goes on.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "worker/model/fp8_matrix.h"

namespace lockstep {

// A is [r, in], B [rows, r].
struct Adapter {
  at::Tensor a;
  at::Tensor b;
};

struct LinearWeights {
  // [out, in]; with concatenated adapters [out + tail, in + tail], that is
  // [[W, scale * B], [A, 0]]. Undefined when the base is in FP8.
  at::Tensor matrix;
  // W for the forward pass, and transposed for the backward pass: in FP8 a
  // product wants both operands by the dimension that it sums over. With
  // concatenated adapters [W | scale * B] and [W^T | A^T].
  Fp8Matrix fp8;
  Fp8Matrix fp8_transposed;
  // Of concatenated adapters: [tail, in], and block-diagonal [out, tail]. Parts
  // of `matrix`, or beside it when the base is in FP8.
  at::Tensor stacked_a;
  at::Tensor scaled_b;
  // [out]; undefined when the linear has none.
  at::Tensor bias;
  // The canonical adapters, one for each adapted segment in order.
  std::vector<Adapter> adapters;
};

struct BlockWeights {
  at::Tensor input_norm;
  LinearWeights qkv;
  LinearWeights o;
  at::Tensor post_attention_norm;
  LinearWeights gate_up;
  LinearWeights down;
};

// Undefined where nothing is trained. Gradients are added to what is there.
struct LinearGradients {
  at::Tensor matrix;
  at::Tensor bias;
  std::vector<Adapter> adapters;
};

struct BlockGradients {
  at::Tensor input_norm;
  LinearGradients qkv;
  LinearGradients o;
  at::Tensor post_attention_norm;
  LinearGradients gate_up;
  LinearGradients down;
};

class BlockWeightProvider {
 public:
  virtual ~BlockWeightProvider() = default;
  // The weights stay until Release of the same block.
  virtual const BlockWeights& Weights(int64_t block) = 0;
  virtual void Release(int64_t block) = 0;
};

class BlockGradientSink {
 public:
  virtual ~BlockGradientSink() = default;
  // Where the gradients of a block are to be added.
  virtual BlockGradients& Gradients(int64_t block) = 0;
};

// Told how far a backward pass is. On a GPU what it is told of may still be
// computed, by what is already on its stream.
class BackwardListener {
 public:
  virtual ~BackwardListener() = default;
  // The pass will not touch again what is final after `stage`
  // (backward_stage.h). Comes once for each, in their order.
  virtual absl::Status Passed(int64_t stage) = 0;
  // Where input rows are left apart (input_rows.h), last of all: this rank's
  // are there, and the place of all ranks' is free.
  virtual absl::Status PassedInput() = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_WEIGHTS_H_
