#include "worker/model/cudnn_attention.h"

#define CUDNN_FRONTEND_SKIP_JSON_LIB
#include <cudnn_frontend.h>

#include <cmath>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

namespace fe = cudnn_frontend;
using fe::graph::Graph;
using Tensor = std::shared_ptr<fe::graph::Tensor_attributes>;

// The names by which a plan is handed its pointers.
enum Uid : int64_t {
  kLengths = 1,
  kQkvOffsets,
  kOutOffsets,
  kLogSumOffsets,
  kDQueryOffsets,
  kDKeyValueOffsets,
  kDOutOffsets,
  kQuery,
  kKey,
  kValue,
  kOut,
  kLogSum,
  kDQuery,
  kDKey,
  kDValue,
  kDOut,
};

cudnnHandle_t HandleOf(const Cudnn& cudnn) {
  return static_cast<cudnnHandle_t>(cudnn.handle());
}

class Plan : public CudnnAttention {
 public:
  explicit Plan(const CudnnAttentionShape& shape) : shape_(shape) {
    graph_.set_io_data_type(fe::DataType_t::BFLOAT16)
        .set_intermediate_data_type(fe::DataType_t::FLOAT)
        .set_compute_data_type(fe::DataType_t::FLOAT);
    lengths_ =
        graph_.tensor(Attributes(kLengths, {documents(), 1, 1, 1}, {1, 1, 1, 1})
                          .set_data_type(fe::DataType_t::INT32));
    log_sum_offsets_ = Offsets(kLogSumOffsets);
  }

  absl::Status BuildForward(const Cudnn& cudnn) {
    const QkvLayout& layout = shape_.layout;
    const Tensor qkv_offsets = Offsets(kQkvOffsets);
    auto [out, log_sum] = graph_.sdpa(
        Input(kQuery, layout.query_heads, shape_.qkv_stride, qkv_offsets),
        Input(kKey, layout.kv_heads, shape_.qkv_stride, qkv_offsets),
        Input(kValue, layout.kv_heads, shape_.qkv_stride, qkv_offsets),
        fe::graph::SDPA_attributes()
            .set_name("attention")
            .set_generate_stats(true)
            .set_attn_scale(Scale())
            .set_causal_mask(true)
            .set_padding_mask(true)
            .set_seq_len_q(lengths_)
            .set_seq_len_kv(lengths_));
    Output(kOut, layout.query_heads, shape_.out_stride, Offsets(kOutOffsets),
           *out);
    DescribeLogSum(*log_sum);
    log_sum->set_output(true);
    return Build(cudnn);
  }

  absl::Status BuildBackward(const Cudnn& cudnn) {
    const QkvLayout& layout = shape_.layout;
    const Tensor qkv_offsets = Offsets(kQkvOffsets);
    const Tensor d_kv_offsets = Offsets(kDKeyValueOffsets);
    const Tensor log_sum = graph_.tensor(fe::graph::Tensor_attributes());
    DescribeLogSum(*log_sum);
    auto [dq, dk, dv] = graph_.sdpa_backward(
        Input(kQuery, layout.query_heads, shape_.qkv_stride, qkv_offsets),
        Input(kKey, layout.kv_heads, shape_.qkv_stride, qkv_offsets),
        Input(kValue, layout.kv_heads, shape_.qkv_stride, qkv_offsets),
        Input(kOut, layout.query_heads, shape_.out_stride,
              Offsets(kOutOffsets)),
        Input(kDOut, layout.query_heads, shape_.d_out_stride,
              Offsets(kDOutOffsets)),
        log_sum,
        fe::graph::SDPA_backward_attributes()
            .set_name("attention_backward")
            .set_attn_scale(Scale())
            .set_causal_mask(true)
            .set_padding_mask(true)
            .set_seq_len_q(lengths_)
            .set_seq_len_kv(lengths_)
            // Without it, work memory is for documents x longest tokens.
            .set_max_total_seq_len_q(shape_.tokens)
            .set_max_total_seq_len_kv(shape_.tokens)
            .set_deterministic_algorithm(shape_.ordered));
    Output(kDQuery, layout.query_heads, shape_.d_q_stride,
           Offsets(kDQueryOffsets), *dq);
    Output(kDKey, layout.kv_heads, layout.kv_cols(), d_kv_offsets, *dk);
    Output(kDValue, layout.kv_heads, layout.kv_cols(), d_kv_offsets, *dv);
    return Build(cudnn);
  }

  int64_t workspace_bytes() const override { return workspace_bytes_; }

  absl::Status Run(const Cudnn& cudnn, const CudnnAttentionData& data,
                   void* workspace) const override {
    // Those that the plan does not name are not looked at.
    std::unordered_map<int64_t, void*> pointers = {
        {kLengths, data.lengths},
        {kQkvOffsets, data.qkv_offsets},
        {kOutOffsets, data.out_offsets},
        {kLogSumOffsets, data.log_sum_offsets},
        {kQuery, Column(data.qkv_TN, 0)},
        {kKey, Column(data.qkv_TN, shape_.layout.key_begin())},
        {kValue, Column(data.qkv_TN, shape_.layout.value_begin())},
        {kOut, data.out_TQ},
        {kLogSum, data.log_sum_TH},
    };
    if (shape_.d_q_stride > 0) {
      pointers.insert({
          {kDQueryOffsets, data.d_q_offsets},
          {kDKeyValueOffsets, data.d_kv_offsets},
          {kDOutOffsets, data.d_out_offsets},
          {kDQuery, data.d_q_TQ},
          {kDKey, data.d_k_TK},
          {kDValue, data.d_v_TK},
          {kDOut, data.d_out_TQ},
      });
    }
    fe::error_t error = graph_.execute(HandleOf(cudnn), pointers, workspace);
    if (error.is_good()) return absl::OkStatus();
    return absl::InternalError(
        absl::StrCat("cuDNN's attention failed: ", error.get_message()));
  }

 private:
  static fe::graph::Tensor_attributes Attributes(
      Uid uid, const std::vector<int64_t>& dim,
      const std::vector<int64_t>& stride) {
    return fe::graph::Tensor_attributes().set_uid(uid).set_dim(dim).set_stride(
        stride);
  }

  static void* Column(void* matrix, int64_t column) {
    constexpr int64_t kElementBytes = 2;
    return static_cast<char*>(matrix) + column * kElementBytes;
  }

  int64_t documents() const { return shape_.documents; }
  float Scale() const {
    return 1.0f / std::sqrt(static_cast<float>(shape_.layout.head_dim));
  }

  Tensor Offsets(Uid uid) {
    return graph_.tensor(
        Attributes(uid, {documents() + 1, 1, 1, 1}, {1, 1, 1, 1})
            .set_data_type(fe::DataType_t::INT64));
  }

  // [documents, heads, longest, head_dim], where each document's rows begin at
  // its offset.
  std::vector<int64_t> Dim(int64_t heads) const {
    return {documents(), heads, shape_.longest, shape_.layout.head_dim};
  }
  std::vector<int64_t> Stride(int64_t row) const {
    return {shape_.longest * row, shape_.layout.head_dim, row, 1};
  }

  Tensor Input(Uid uid, int64_t heads, int64_t row, const Tensor& offsets) {
    return graph_.tensor(Attributes(uid, Dim(heads), Stride(row))
                             .set_data_type(fe::DataType_t::BFLOAT16)
                             .set_ragged_offset(offsets));
  }

  void Output(Uid uid, int64_t heads, int64_t row, const Tensor& offsets,
              fe::graph::Tensor_attributes& tensor) {
    tensor.set_output(true)
        .set_uid(uid)
        .set_dim(Dim(heads))
        .set_stride(Stride(row))
        .set_ragged_offset(offsets);
  }

  void DescribeLogSum(fe::graph::Tensor_attributes& tensor) {
    const int64_t heads = shape_.layout.query_heads;
    tensor.set_uid(kLogSum)
        .set_dim({documents(), heads, shape_.longest, 1})
        .set_stride({shape_.longest * heads, 1, heads, 1})
        .set_data_type(fe::DataType_t::FLOAT)
        .set_ragged_offset(log_sum_offsets_);
  }

  absl::Status Build(const Cudnn& cudnn) {
    fe::error_t error = graph_.build(
        HandleOf(cudnn), {fe::HeurMode_t::A, fe::HeurMode_t::FALLBACK});
    if (error.is_good()) error = graph_.get_workspace_size(workspace_bytes_);
    if (error.is_good()) return absl::OkStatus();
    return absl::UnimplementedError(
        absl::StrCat("cuDNN has no attention for heads of ",
                     shape_.layout.head_dim, ": ", error.get_message()));
  }

  const CudnnAttentionShape shape_;
  Graph graph_;
  Tensor lengths_;
  Tensor log_sum_offsets_;
  int64_t workspace_bytes_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Cudnn>> Cudnn::Create() {
  cudnnHandle_t handle = nullptr;
  const cudnnStatus_t status = cudnnCreate(&handle);
  if (status != CUDNN_STATUS_SUCCESS) {
    return absl::FailedPreconditionError(
        absl::StrCat("start cuDNN: ", cudnnGetErrorString(status)));
  }
  return std::unique_ptr<Cudnn>(new Cudnn(handle));
}

Cudnn::~Cudnn() { cudnnDestroy(static_cast<cudnnHandle_t>(handle_)); }

absl::StatusOr<std::unique_ptr<CudnnAttention>> CudnnAttention::Forward(
    const Cudnn& cudnn, const CudnnAttentionShape& shape) {
  auto plan = std::make_unique<Plan>(shape);
  RETURN_IF_ERROR(plan->BuildForward(cudnn));
  return plan;
}

absl::StatusOr<std::unique_ptr<CudnnAttention>> CudnnAttention::Backward(
    const Cudnn& cudnn, const CudnnAttentionShape& shape) {
  auto plan = std::make_unique<Plan>(shape);
  RETURN_IF_ERROR(plan->BuildBackward(cudnn));
  return plan;
}

}  // namespace lockstep
