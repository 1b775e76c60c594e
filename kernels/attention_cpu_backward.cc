#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/attention.h"
#include "kernels/cpu/attention_tile.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/vector_width.h"
#include "kernels/status.h"

// With p_ij = exp(s_ij - log_sum_i), for each query i and key j <= i:
//
//   delta_i = d_out_i . out_i
//   d_s_ij  = p_ij * (d_out_i . v_j - delta_i)
//   d_v_j   = sum_i(p_ij * d_out_i)
//   d_k_j   = sum_i(d_s_ij * q_i) / sqrt(head_dim)
//   d_q_i   = sum_j(d_s_ij * k_j) / sqrt(head_dim)

namespace lockstep {
namespace {

using attention::kMaxHeadDim;
using attention::kTile;
using attention::RowTile;
using simd::Float;

struct Document {
  int64_t begin;
  int64_t end;
};

// N keys and values, one a lane, and their gradients: those of all query heads
// that read them.
template <int N>
struct KeyBlock {
  int64_t begin;  // Row of the first.
  int64_t count;
  alignas(64) float keys_DN[kMaxHeadDim * N];  // Times ScoreScale.
  alignas(64) float keys_ND[kMaxHeadDim * N];  // Over sqrt(head_dim).
  alignas(64) float values_DN[kMaxHeadDim * N];
  alignas(64) float d_keys_DN[kMaxHeadDim * N];
  alignas(64) float d_values_DN[kMaxHeadDim * N];
};

template <int N>
LOCKSTEP_INLINE void LoadKeys(KeyBlock<N>& block,
                              const AttentionBackwardArgs& args,
                              int64_t kv_head, float scale) {
  const int64_t head_dim = args.layout.head_dim;
  const int64_t key_column = args.layout.key_begin() + kv_head * head_dim;
  const int64_t value_column = args.layout.value_begin() + kv_head * head_dim;
  attention::LoadTransposed<N>(block.keys_DN, args.qkv_TN, block.begin,
                               block.count, key_column, head_dim,
                               attention::ScoreScale(head_dim));
  attention::LoadTransposed<N>(block.values_DN, args.qkv_TN, block.begin,
                               block.count, value_column, head_dim, 1);
  std::fill_n(block.keys_ND, head_dim * N, 0.0f);
  for (int64_t lane = 0; lane < block.count; ++lane) {
    const float* key = args.qkv_TN.FloatRow(block.begin + lane) + key_column;
    for (int64_t d = 0; d < head_dim; ++d) {
      block.keys_ND[lane * head_dim + d] = key[d] * scale;
    }
  }
  std::fill_n(block.d_keys_DN, head_dim * N, 0.0f);
  std::fill_n(block.d_values_DN, head_dim * N, 0.0f);
}

// d_q += d_s K for the queries from `query` on, W values of the head at a time.
template <int N, int W>
LOCKSTEP_INLINE void AddQueryGradients(const AttentionBackwardArgs& args,
                                       const KeyBlock<N>& block,
                                       const Float<N> (&d_scores)[kTile],
                                       int64_t query, int64_t end,
                                       int64_t column) {
  const int64_t head_dim = args.layout.head_dim;
  alignas(64) float d_scores_RN[kTile * N];
  RowTile tile;
  for (int r = 0; r < kTile; ++r) {
    simd::Store<N>(d_scores_RN + r * N, d_scores[r]);
    tile.row[r] = d_scores_RN + r * N;
  }
  const int64_t count = std::min<int64_t>(kTile, end - query);
  for (int64_t d = 0; d < head_dim; d += W) {
    Float<W> sums[kTile];
    attention::Dots<W>(sums, block.keys_ND + d, head_dim, tile, N);
    for (int64_t r = 0; r < count; ++r) {
      float* d_query = args.d_qkv_TN.FloatRow(query + r) + column + d;
      simd::Store<W>(d_query, simd::Load<W>(d_query) + sums[r]);
    }
  }
}

// The gradients between one block of keys and a tile of queries.
template <int N>
LOCKSTEP_INLINE void BackwardTile(const AttentionBackwardArgs& args,
                                  KeyBlock<N>& block, const float* delta,
                                  int64_t query, int64_t end, int64_t head) {
  const int64_t head_dim = args.layout.head_dim;
  const int64_t column = head * head_dim;
  const float* log_sum = args.log_sum_HT.FloatRow(head);
  const RowTile queries = attention::MakeTile(args.qkv_TN, query, end, column);
  const RowTile d_outs = attention::MakeTile(args.d_out_TQ, query, end, column);

  Float<N> weights[kTile];
  Float<N> d_scores[kTile];
  attention::Dots<N>(weights, block.keys_DN, N, queries, head_dim);
  attention::Dots<N>(d_scores, block.values_DN, N, d_outs, head_dim);
  const simd::Int<N> lanes = attention::LaneNumbers<N>();
  for (int r = 0; r < kTile; ++r) {
    // The rows that the tile lacks are zero, and so is all they add.
    const int64_t row = std::min(query + r, end - 1);
    const auto place = static_cast<int32_t>(row - block.begin);
    const Float<N> weight =
        simd::Exp2<N>(weights[r] - log_sum[row] * attention::kLog2E);
    weights[r] = simd::Compare<N>::IfLess(lanes, place + 1, weight, Float<N>{});
    d_scores[r] =
        query + r < end ? weights[r] * (d_scores[r] - delta[row]) : Float<N>{};
  }
  attention::AddWeighted<N>(block.d_values_DN, weights, d_outs, head_dim);
  attention::AddWeighted<N>(block.d_keys_DN, d_scores, queries, head_dim);
  if (head_dim % N == 0) {
    AddQueryGradients<N, N>(args, block, d_scores, query, end, column);
  } else if (head_dim % 8 == 0) {
    AddQueryGradients<N, 8>(args, block, d_scores, query, end, column);
  } else {
    AddQueryGradients<N, 2>(args, block, d_scores, query, end, column);
  }
}

// delta of every query head that reads `kv_head`: [group, tokens].
LOCKSTEP_INLINE void FillDelta(const AttentionBackwardArgs& args, float* delta,
                               int64_t head, Document document) {
  const int64_t head_dim = args.layout.head_dim;
  for (int64_t t = document.begin; t < document.end; ++t) {
    const float* out = args.out_TQ.FloatRow(t) + head * head_dim;
    const float* d_out = args.d_out_TQ.FloatRow(t) + head * head_dim;
    float sum = 0;
    for (int64_t d = 0; d < head_dim; ++d) sum += out[d] * d_out[d];
    delta[t] = sum;
  }
}

struct BackwardWork {
  const AttentionBackwardArgs& args;
  float* delta_HT;  // [query heads, tokens]
};

template <int N>
LOCKSTEP_INLINE void BackwardKeys(const BackwardWork& work, KeyBlock<N>& block,
                                  int64_t kv_head, Document document) {
  const AttentionBackwardArgs& args = work.args;
  const QkvLayout& layout = args.layout;
  const float scale = 1 / std::sqrt(static_cast<float>(layout.head_dim));
  const int64_t group = layout.query_heads / layout.kv_heads;
  LoadKeys<N>(block, args, kv_head, scale);
  for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    const float* delta = work.delta_HT + head * args.qkv_TN.rows;
    for (int64_t q = block.begin; q < document.end; q += kTile) {
      BackwardTile<N>(args, block, delta, q, document.end, head);
    }
  }
  for (int64_t i = 0; i < layout.head_dim * N; ++i) {
    block.d_keys_DN[i] *= scale;
  }
  attention::StoreTransposed<N>(args.d_qkv_TN, block.begin, block.count,
                                layout.key_begin() + kv_head * layout.head_dim,
                                block.d_keys_DN, layout.head_dim);
  attention::StoreTransposed<N>(
      args.d_qkv_TN, block.begin, block.count,
      layout.value_begin() + kv_head * layout.head_dim, block.d_values_DN,
      layout.head_dim);
}

template <int N>
LOCKSTEP_INLINE void Backward(const BackwardWork& work) {
  const AttentionBackwardArgs& args = work.args;
  for (int64_t t = 0; t < args.d_qkv_TN.rows; ++t) {
    std::fill_n(args.d_qkv_TN.FloatRow(t), args.d_qkv_TN.cols, 0.0f);
  }
  KeyBlock<N> block;
  for (int64_t n = 0; n < args.documents.count; ++n) {
    const Document document = {args.documents.cu_seqlens[n],
                               args.documents.cu_seqlens[n + 1]};
    for (int64_t head = 0; head < args.layout.query_heads; ++head) {
      FillDelta(args, work.delta_HT + head * args.qkv_TN.rows, head, document);
    }
    for (int64_t kv_head = 0; kv_head < args.layout.kv_heads; ++kv_head) {
      for (int64_t k = document.begin; k < document.end; k += N) {
        block.begin = k;
        block.count = std::min<int64_t>(N, document.end - k);
        BackwardKeys<N>(work, block, kv_head, document);
      }
    }
  }
}
LOCKSTEP_DISPATCH_VECTOR_WIDTH(Backward, BackwardWork)

}  // namespace

absl::Status AttentionBackwardCpu(const AttentionBackwardArgs& args) {
  for (const TensorView& view : {args.d_qkv_TN, args.d_out_TQ, args.out_TQ,
                                 args.log_sum_HT, args.qkv_TN}) {
    LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckCpuFloat("attention", view));
  }
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      attention::CheckDocuments(args.documents, args.qkv_TN.rows));
  std::vector<float> delta_HT(args.layout.query_heads * args.qkv_TN.rows);
  Backward({.args = args, .delta_HT = delta_HT.data()});
  return absl::OkStatus();
}

}  // namespace lockstep
