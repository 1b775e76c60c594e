#ifndef LOCKSTEP_WORKER_MODEL_GPU_ATTENTION_H_
#define LOCKSTEP_WORKER_MODEL_GPU_ATTENTION_H_

// Attention of all blocks on a GPU: by cuDNN where it has a kernel whose work
// memory is in proportion, else by FlashAttention-2. Which one depends only on
// the number of documents, the longest of them, the options and the model, so a
// repeated batch takes the same way and, if ordered, gives the same bits.
//
// Used by the trainer's thread.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "kernels/qkv_layout.h"
#include "worker/model/cudnn_attention.h"
#include "worker/model/placed_batch.h"
#include "worker/model/token_batch.h"

namespace lockstep {

class GpuAttention {
 public:
  struct Options {
    // The most that a batch holds.
    int64_t tokens = 0;
    int64_t documents = 0;
    int64_t longest_document = 0;
    // Without a backward pass it needs little memory.
    bool backward = true;
    // Whether that pass adds up in a fixed order.
    bool ordered = true;
  };

  GpuAttention(const QkvLayout& layout, const Options& options);

  // Bytes that Forward and Backward work in.
  static int64_t WorkBytes(const QkvLayout& layout, const Options& options);
  // What FlashAttention-2 takes beside them where batches may need it.
  static int64_t FlashBytes(const QkvLayout& layout, const Options& options);

  // Forward and Backward are of this batch, until the next call.
  void Place(const TokenBatch& batch);

  // As in kernels/attention.h. What is written to log_sum_HT only Backward can
  // read. `work` is WorkBytes of any content.
  absl::Status Forward(const PlacedBatch& batch, const at::Tensor& qkv_TN,
                       const at::Tensor& out_TQ, const at::Tensor& log_sum_HT,
                       const at::Tensor& work);
  absl::Status Backward(const PlacedBatch& batch, const at::Tensor& qkv_TN,
                        const at::Tensor& out_TQ, const at::Tensor& log_sum_HT,
                        const at::Tensor& d_out_TQ, const at::Tensor& d_qkv_TN,
                        const at::Tensor& work);

  // Whether a backward pass of this batch is cuDNN's; for tests.
  bool backward_by_cudnn() const;

 private:
  // The plans of one pair of documents and longest document, built when first
  // needed; without one where cuDNN is not to be used.
  struct Plans {
    bool forward_tried = false;
    bool backward_tried = false;
    std::unique_ptr<CudnnAttention> forward;
    std::unique_ptr<CudnnAttention> backward;
  };

  CudnnAttentionShape ShapeOf(const at::Tensor& qkv_TN,
                              const at::Tensor& out_TQ) const;
  CudnnAttentionData DataOf(const at::Tensor& qkv_TN, const at::Tensor& out_TQ,
                            const at::Tensor& log_sum_HT);
  int64_t* OffsetsOf(int64_t stride);
  bool Fits(const CudnnAttention& plan) const;
  absl::Status BackwardByCudnn(const at::Tensor& qkv_TN,
                               const at::Tensor& out_TQ,
                               const at::Tensor& log_sum_HT,
                               const at::Tensor& d_out_TQ,
                               const at::Tensor& d_qkv_TN,
                               const at::Tensor& work);

  const QkvLayout layout_;
  const Options options_;
  // Of any plan that is used; the gradients of k and of v lie behind it until
  // they are copied to the engine's.
  const int64_t workspace_bytes_;
  // Null where there is no cuDNN.
  std::unique_ptr<Cudnn> cudnn_;
  // By documents and longest document, both rounded up.
  absl::flat_hash_map<std::pair<int64_t, int64_t>, Plans> plans_;
  std::pair<int64_t, int64_t> key_;
  Plans* current_ = nullptr;
  // Of the batch, on the GPU, with room for the most documents: the first token
  // of each and the end, the lengths, and the former in rows of some width.
  at::Tensor begins_;
  at::Tensor lengths_;
  struct Offsets {
    at::Tensor values;
    // Whether they are this batch's.
    bool current = false;
  };
  absl::flat_hash_map<int64_t, Offsets> offsets_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_GPU_ATTENTION_H_
