#include "worker/model/gpu_attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <vector>

#include "proto/contract/status_macros.h"
#include "worker/model/flash_attention.h"

namespace lockstep {
namespace {

// cuDNN's ordered sum of the gradient of q takes documents x longest^2, 16 GiB
// for 64 documents of which one has 2048 tokens. FlashAttention-2 takes a
// little more time and next to none.
constexpr int64_t kMostWorkspaceBytes = int64_t{5} << 29;

// The fewest tokens that a plan is made for.
constexpr int64_t kShortest = 64;

// Of bfloat16.
constexpr int64_t kElementBytes = 2;

int64_t RoundUp(int64_t value) {
  return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(value)));
}

// What cuDNN 9.19 asks for, and a little more. The gradients of k and of v in
// float32 for each query head, where heads share them, and a number a row; to
// add up that of q in order dP of all documents, each as long as the longest;
// in any order the gradients in float32, and a few bytes a token and document.
// More than kMostWorkspaceBytes is not told apart.
int64_t BackwardWorkspaceBytes(const QkvLayout& layout,
                               const GpuAttention::Options& options) {
  constexpr int64_t kSlack = 64 << 10;
  constexpr int64_t kFloat = sizeof(float);
  const int64_t rows = options.tokens * layout.query_cols() * kFloat;
  const bool shared = layout.query_heads != layout.kv_heads;
  const int64_t others = (shared ? 2 * rows : 0) +
                         options.tokens * layout.query_heads * kFloat + kSlack;
  if (!options.ordered) {
    constexpr int64_t kTokenBytes = 192;
    constexpr int64_t kDocumentBytes = 448;
    return rows + 2 * options.tokens * layout.kv_cols() * kFloat + others +
           options.tokens * kTokenBytes +
           RoundUp(options.documents) * kDocumentBytes;
  }
  const int64_t documents = RoundUp(options.documents);
  const int64_t longest =
      RoundUp(std::max(kShortest, options.longest_document));
  const int64_t a_document =
      layout.query_heads * longest * longest * kElementBytes;
  if (documents > kMostWorkspaceBytes / a_document) {
    return kMostWorkspaceBytes + 1;
  }
  return documents * a_document + others;
}

// The most that FlashAttention-2 takes while it runs, which it does where
// cuDNN's sum is out of proportion: outputs and gradients in buffers of their
// own, those of k and v for each query head, and the gradient of q in float32,
// once for each of the blocks that share a head of a document.
int64_t FlashAttentionBytes(const QkvLayout& layout, int64_t tokens) {
  constexpr int64_t kMultiprocessors = 132;
  const int64_t splits =
      (kMultiprocessors + layout.query_heads - 1) / layout.query_heads;
  return tokens * layout.query_cols() *
         (splits * static_cast<int64_t>(sizeof(float)) + 4 * kElementBytes);
}

// The most that any plan that is used asks for, in whole lines of memory.
int64_t WorkspaceBytes(const QkvLayout& layout,
                       const GpuAttention::Options& options) {
  constexpr int64_t kForwardBytes = 1 << 20;
  constexpr int64_t kLine = 256;
  if (!options.backward) return kForwardBytes;
  const int64_t bytes =
      std::min(kMostWorkspaceBytes, BackwardWorkspaceBytes(layout, options));
  return (bytes + kLine - 1) / kLine * kLine;
}

// The first of `to`.
template <typename T>
void CopyTo(const at::Tensor& to, std::vector<T>& values, at::ScalarType type) {
  const auto count = static_cast<int64_t>(values.size());
  to.narrow(0, 0, count).copy_(at::from_blob(values.data(), {count}, type));
}

}  // namespace

GpuAttention::GpuAttention(const QkvLayout& layout, const Options& options)
    : layout_(layout),
      options_(options),
      workspace_bytes_(WorkspaceBytes(layout, options)) {
  absl::StatusOr<std::unique_ptr<Cudnn>> cudnn = Cudnn::Create();
  if (!cudnn.ok()) return;
  cudnn_ = *std::move(cudnn);
  const int64_t documents = RoundUp(options.documents);
  const auto on_gpu = at::TensorOptions(at::kCUDA);
  begins_ = at::empty({documents + 1}, on_gpu.dtype(at::kLong));
  lengths_ = at::empty({documents}, on_gpu.dtype(at::kInt));
}

int64_t GpuAttention::WorkBytes(const QkvLayout& layout,
                                const Options& options) {
  const int64_t workspace = WorkspaceBytes(layout, options);
  if (!options.backward) return workspace;
  return workspace + 2 * options.tokens * layout.kv_cols() * kElementBytes;
}

int64_t GpuAttention::FlashBytes(const QkvLayout& layout,
                                 const Options& options) {
  // Some batches may be cuDNN's and others not.
  const bool may_be_flash =
      options.backward &&
      BackwardWorkspaceBytes(layout, options) >= kMostWorkspaceBytes;
  return may_be_flash ? FlashAttentionBytes(layout, options.tokens) : 0;
}

void GpuAttention::Place(const TokenBatch& batch) {
  const auto documents = static_cast<int64_t>(batch.cu_seqlens.size()) - 1;
  std::vector<int64_t> begins(batch.cu_seqlens.begin(), batch.cu_seqlens.end());
  std::vector<int32_t> lengths;
  for (int64_t i = 0; i < documents; ++i) {
    lengths.push_back(batch.cu_seqlens[i + 1] - batch.cu_seqlens[i]);
  }
  key_ = {RoundUp(documents),
          RoundUp(std::max(kShortest, batch.longest_document()))};
  begins.resize(key_.first + 1, batch.cu_seqlens.back());
  lengths.resize(key_.first, 0);
  current_ = &plans_[key_];
  if (cudnn_ == nullptr) return;
  CopyTo(begins_, begins, at::kLong);
  CopyTo(lengths_, lengths, at::kInt);
  for (auto& [stride, offsets] : offsets_) offsets.current = false;
}

int64_t* GpuAttention::OffsetsOf(int64_t stride) {
  Offsets& offsets = offsets_[stride];
  if (!offsets.values.defined()) offsets.values = at::empty_like(begins_);
  if (!offsets.current) {
    offsets.values.copy_(begins_);
    offsets.values.mul_(stride);
    offsets.current = true;
  }
  return offsets.values.data_ptr<int64_t>();
}

CudnnAttentionShape GpuAttention::ShapeOf(const at::Tensor& qkv_TN,
                                          const at::Tensor& out_TQ) const {
  return {.layout = layout_,
          .documents = key_.first,
          .longest = key_.second,
          .tokens = options_.tokens,
          .qkv_stride = qkv_TN.stride(0),
          .out_stride = out_TQ.stride(0),
          .ordered = options_.ordered};
}

CudnnAttentionData GpuAttention::DataOf(const at::Tensor& qkv_TN,
                                        const at::Tensor& out_TQ,
                                        const at::Tensor& log_sum_HT) {
  return {.lengths = lengths_.data_ptr<int32_t>(),
          .qkv_offsets = OffsetsOf(qkv_TN.stride(0)),
          .out_offsets = OffsetsOf(out_TQ.stride(0)),
          .log_sum_offsets = OffsetsOf(layout_.query_heads),
          .qkv_TN = qkv_TN.data_ptr(),
          .out_TQ = out_TQ.data_ptr(),
          .log_sum_TH = log_sum_HT.data_ptr<float>()};
}

bool GpuAttention::Fits(const CudnnAttention& plan) const {
  return plan.workspace_bytes() <= workspace_bytes_;
}

absl::Status GpuAttention::Forward(const PlacedBatch& batch,
                                   const at::Tensor& qkv_TN,
                                   const at::Tensor& out_TQ,
                                   const at::Tensor& log_sum_HT,
                                   const at::Tensor& work) {
  if (!current_->forward_tried && cudnn_ != nullptr) {
    auto plan = CudnnAttention::Forward(*cudnn_, ShapeOf(qkv_TN, out_TQ));
    if (plan.ok() && Fits(**plan)) current_->forward = *std::move(plan);
  }
  current_->forward_tried = true;
  if (current_->forward != nullptr) {
    return current_->forward->Run(*cudnn_, DataOf(qkv_TN, out_TQ, log_sum_HT),
                                  work.data_ptr());
  }
  FlashAttentionForward(layout_, batch, qkv_TN, out_TQ, log_sum_HT);
  return absl::OkStatus();
}

absl::Status GpuAttention::Backward(const PlacedBatch& batch,
                                    const at::Tensor& qkv_TN,
                                    const at::Tensor& out_TQ,
                                    const at::Tensor& log_sum_HT,
                                    const at::Tensor& d_out_TQ,
                                    const at::Tensor& d_qkv_TN,
                                    const at::Tensor& work) {
  const int64_t tokens = qkv_TN.size(0);
  if (!current_->backward_tried && current_->forward != nullptr) {
    CudnnAttentionShape shape = ShapeOf(qkv_TN, out_TQ);
    shape.d_q_stride = d_qkv_TN.stride(0);
    shape.d_out_stride = d_out_TQ.stride(0);
    auto plan = CudnnAttention::Backward(*cudnn_, shape);
    if (plan.ok() && Fits(**plan)) current_->backward = *std::move(plan);
  }
  current_->backward_tried = true;
  if (current_->backward != nullptr) {
    return BackwardByCudnn(qkv_TN, out_TQ, log_sum_HT, d_out_TQ, d_qkv_TN,
                           work);
  }
  // cuDNN wrote a row for each token, where FlashAttention-2 wants one a head.
  const at::Tensor log_sum =
      current_->forward == nullptr
          ? log_sum_HT
          : at::from_blob(log_sum_HT.data_ptr(), {tokens, layout_.query_heads},
                          log_sum_HT.options())
                .t();
  FlashAttentionBackward(layout_, batch, qkv_TN, out_TQ, log_sum, d_out_TQ,
                         d_qkv_TN);
  return absl::OkStatus();
}

absl::Status GpuAttention::BackwardByCudnn(const at::Tensor& qkv_TN,
                                           const at::Tensor& out_TQ,
                                           const at::Tensor& log_sum_HT,
                                           const at::Tensor& d_out_TQ,
                                           const at::Tensor& d_qkv_TN,
                                           const at::Tensor& work) {
  const int64_t tokens = qkv_TN.size(0), columns = layout_.kv_cols();
  const at::Tensor d_key_value =
      work.narrow(0, workspace_bytes_,
                  2 * options_.tokens * columns * kElementBytes)
          .view(at::kBFloat16)
          .view({2, options_.tokens, columns});
  CudnnAttentionData data = DataOf(qkv_TN, out_TQ, log_sum_HT);
  data.d_q_offsets = OffsetsOf(d_qkv_TN.stride(0));
  data.d_kv_offsets = OffsetsOf(columns);
  data.d_out_offsets = OffsetsOf(d_out_TQ.stride(0));
  data.d_q_TQ = d_qkv_TN.data_ptr();
  data.d_k_TK = d_key_value[0].data_ptr();
  data.d_v_TK = d_key_value[1].data_ptr();
  data.d_out_TQ = d_out_TQ.data_ptr();
  RETURN_IF_ERROR(current_->backward->Run(*cudnn_, data, work.data_ptr()));
  const auto of_qkv = [&](int64_t begin) {
    return d_qkv_TN.narrow(1, begin, columns);
  };
  of_qkv(layout_.key_begin()).copy_(d_key_value[0].narrow(0, 0, tokens));
  of_qkv(layout_.value_begin()).copy_(d_key_value[1].narrow(0, 0, tokens));
  return absl::OkStatus();
}

bool GpuAttention::backward_by_cudnn() const {
  return current_ != nullptr && current_->backward != nullptr;
}

}  // namespace lockstep
