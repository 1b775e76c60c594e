#ifndef LOCKSTEP_WORKER_MODEL_CUDNN_ATTENTION_H_
#define LOCKSTEP_WORKER_MODEL_CUDNN_ATTENTION_H_

// cuDNN's fused attention on packed documents, through cudnn-frontend: causal
// within each document, grouped queries, bfloat16, on the engine's own rows of
// any width. The backward pass adds up in a fixed order, so that a run that is
// resumed ends in the same bits, or in any, which takes less time and memory.
//
// A plan is built once, in 0.1 to 1.3 s, for a number of documents and a
// longest one; a batch of fewer leaves the other documents empty. The work
// memory of an ordered one grows with documents x longest^2.
//
// Used by the trainer's thread.

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/qkv_layout.h"

namespace lockstep {

// cuDNN on the current GPU and its default stream.
class Cudnn {
 public:
  // FAILED_PRECONDITION: there is none, the message says why.
  static absl::StatusOr<std::unique_ptr<Cudnn>> Create();
  ~Cudnn();
  Cudnn(const Cudnn&) = delete;
  Cudnn& operator=(const Cudnn&) = delete;

  void* handle() const { return handle_; }

 private:
  explicit Cudnn(void* handle) : handle_(handle) {}

  void* const handle_;
};

struct CudnnAttentionShape {
  QkvLayout layout;
  // Documents, and tokens of the longest.
  int64_t documents = 0;
  int64_t longest = 0;
  // Of all documents together.
  int64_t tokens = 0;
  // Elements from one token to the next, of q, k and v and of the output.
  int64_t qkv_stride = 0;
  int64_t out_stride = 0;
  // The same of the gradients of q and of the output; of a backward plan only.
  int64_t d_q_stride = 0;
  int64_t d_out_stride = 0;
  bool ordered = true;
};

// Where a batch lies on the GPU. Offsets have one entry a document and one
// behind the last: the token that it begins with, times the stride.
struct CudnnAttentionData {
  int32_t* lengths = nullptr;  // Of the documents.
  int64_t* qkv_offsets = nullptr;
  int64_t* out_offsets = nullptr;
  int64_t* log_sum_offsets = nullptr;  // The stride is the number of heads.
  int64_t* d_q_offsets = nullptr;
  int64_t* d_kv_offsets = nullptr;
  int64_t* d_out_offsets = nullptr;

  void* qkv_TN = nullptr;
  void* out_TQ = nullptr;
  float* log_sum_TH = nullptr;
  void* d_q_TQ = nullptr;
  // Rows of kv_cols: cuDNN's work memory for all query heads has rows as many
  // times wider as there are query heads to a key head.
  void* d_k_TK = nullptr;
  void* d_v_TK = nullptr;
  void* d_out_TQ = nullptr;
};

class CudnnAttention {
 public:
  // UNIMPLEMENTED: cuDNN has no such kernel for this GPU.
  static absl::StatusOr<std::unique_ptr<CudnnAttention>> Forward(
      const Cudnn& cudnn, const CudnnAttentionShape& shape);
  static absl::StatusOr<std::unique_ptr<CudnnAttention>> Backward(
      const Cudnn& cudnn, const CudnnAttentionShape& shape);

  virtual ~CudnnAttention() = default;

  virtual int64_t workspace_bytes() const = 0;
  // `workspace` has as many bytes. Returns before the GPU is done.
  virtual absl::Status Run(const Cudnn& cudnn, const CudnnAttentionData& data,
                           void* workspace) const = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_CUDNN_ATTENTION_H_
