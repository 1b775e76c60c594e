#include <algorithm>
#include <cmath>
#include <memory>

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
//
// One query head of one document at a time, its rows packed and padded with
// zeros: all that a padding query adds is zero, and a padding key is behind
// every query.

namespace lockstep {
namespace {

using attention::Document;
using attention::kTile;
using simd::Float;

// Room for one head of the longest document.
class Scratch {
 public:
  Scratch(int64_t tokens, int64_t head_dim) {
    const int64_t rows = attention::PaddedTokens(tokens);
    // Eight buffers of head_dim columns, one of 16, two of one.
    floats_ = std::make_unique_for_overwrite<float[]>(
        rows * (8 * head_dim + 18) + attention::kLine);
    float* next = attention::AlignToLine(floats_.get());
    const auto take = [&](int64_t cols) {
      float* taken = next;
      next += rows * cols;
      return taken;
    };
    keys_DN = take(head_dim);
    values_DN = take(head_dim);
    d_keys_DN = take(head_dim);
    d_values_DN = take(head_dim);
    keys_TD = take(head_dim);
    queries_TD = take(head_dim);
    d_outs_TD = take(head_dim);
    d_queries_TD = take(head_dim);
    d_scores_TN = take(16);
    log_sum_T = take(1);
    delta_T = take(1);
  }

  // Blocks of N keys, one a lane; keys times ScoreScale.
  float* keys_DN;
  float* values_DN;
  float* d_keys_DN;
  float* d_values_DN;
  float* keys_TD;  // Over sqrt(head_dim).
  float* queries_TD;
  float* d_outs_TD;
  float* d_queries_TD;
  float* d_scores_TN;  // Of one block of keys.
  float* log_sum_T;    // In base 2.
  float* delta_T;

 private:
  std::unique_ptr<float[]> floats_;
};

struct BackwardWork {
  const AttentionBackwardArgs& args;
  Scratch& scratch;
};

// d_q += d_s K for the queries from `query` on, W values of the head at a time.
template <int N, int W>
LOCKSTEP_INLINE void AddQueryGradientsBy(const Scratch& scratch, int64_t key,
                                         int64_t query, int64_t tokens,
                                         int64_t head_dim) {
  for (; query < tokens; query += kTile) {
    float* d_queries_RD = scratch.d_queries_TD + query * head_dim;
    for (int64_t d = 0; d < head_dim; d += W) {
      Float<W> sums[kTile];
      for (int r = 0; r < kTile; ++r) {
        sums[r] = simd::Load<W>(d_queries_RD + r * head_dim + d);
      }
      attention::AddDots<W>(sums, scratch.keys_TD + key * head_dim + d,
                            head_dim, scratch.d_scores_TN + query * N, N, N);
      for (int r = 0; r < kTile; ++r) {
        simd::Store<W>(d_queries_RD + r * head_dim + d, sums[r]);
      }
    }
  }
}

template <int N>
LOCKSTEP_INLINE void AddQueryGradients(const Scratch& scratch, int64_t key,
                                       int64_t query, int64_t tokens,
                                       int64_t head_dim) {
  if (head_dim % N == 0) {
    AddQueryGradientsBy<N, N>(scratch, key, query, tokens, head_dim);
    return;
  }
  if constexpr (N > 8) {
    if (head_dim % 8 == 0) {
      AddQueryGradientsBy<N, 8>(scratch, key, query, tokens, head_dim);
      return;
    }
  }
  AddQueryGradientsBy<N, 2>(scratch, key, query, tokens, head_dim);
}

// The gradients between a block of keys and a tile of queries, both by their
// place in the document.
template <int N, bool kDiagonal>
LOCKSTEP_INLINE void BackwardTile(const Scratch& scratch, int64_t key,
                                  int64_t query, int64_t head_dim) {
  const float* queries_RD = scratch.queries_TD + query * head_dim;
  const float* d_outs_RD = scratch.d_outs_TD + query * head_dim;
  Float<N> weights[kTile];
  Float<N> d_scores[kTile];
#pragma GCC unroll 8
  for (int r = 0; r < kTile; ++r) {
    weights[r] = simd::Broadcast<N>(-scratch.log_sum_T[query + r]);
    d_scores[r] = simd::Broadcast<N>(-scratch.delta_T[query + r]);
  }
  attention::AddDots<N>(weights, scratch.keys_DN + key * head_dim, N,
                        queries_RD, head_dim, head_dim);
  attention::AddDots<N>(d_scores, scratch.values_DN + key * head_dim, N,
                        d_outs_RD, head_dim, head_dim);
  for (int r = 0; r < kTile; ++r) {
    weights[r] = simd::Exp2<N>(weights[r]);
    if constexpr (kDiagonal) {
      const auto visible = static_cast<int32_t>(query + r - key) + 1;
      weights[r] = simd::Compare<N>::IfLess(attention::LaneNumbers<N>(),
                                            visible, weights[r], Float<N>{});
    }
    d_scores[r] = weights[r] * d_scores[r];
  }
  attention::AddWeighted<N>(scratch.d_values_DN + key * head_dim, weights,
                            d_outs_RD, head_dim);
  attention::AddWeighted<N>(scratch.d_keys_DN + key * head_dim, d_scores,
                            queries_RD, head_dim);
  for (int r = 0; r < kTile; ++r) {
    simd::Store<N>(scratch.d_scores_TN + (query + r) * N, d_scores[r]);
  }
}

// All pairs of a query head and its key head.
template <int N>
LOCKSTEP_INLINE void BackwardPairs(const Scratch& scratch, int64_t tokens,
                                   int64_t head_dim) {
  for (int64_t key = 0; key < tokens; key += N) {
    const int64_t first = key / kTile * kTile;
    int64_t query = first;
    for (; query < std::min(key + N, tokens); query += kTile) {
      BackwardTile<N, true>(scratch, key, query, head_dim);
    }
    for (; query < tokens; query += kTile) {
      BackwardTile<N, false>(scratch, key, query, head_dim);
    }
    // Not tile by tile: a vector that was stored just now is slow to read
    // number by number.
    AddQueryGradients<N>(scratch, key, first, tokens, head_dim);
  }
}

template <int N>
LOCKSTEP_INLINE void PackKeys(const BackwardWork& work, int64_t kv_head,
                              Document document, int64_t head_dim) {
  const QkvLayout& layout = work.args.layout;
  Scratch& scratch = work.scratch;
  // The values pass through the place of the keys.
  attention::PackRows(scratch.keys_TD, work.args.qkv_TN, document.begin,
                      document.end, layout.value_begin() + kv_head * head_dim,
                      head_dim, 1);
  const int64_t padded = attention::PaddedTokens(document.end - document.begin);
  for (int64_t k = 0; k < padded; k += N) {
    attention::Transpose<N>(scratch.values_DN + k * head_dim,
                            scratch.keys_TD + k * head_dim, head_dim, 1);
  }
  attention::PackRows(scratch.keys_TD, work.args.qkv_TN, document.begin,
                      document.end, layout.key_begin() + kv_head * head_dim,
                      head_dim, 1 / std::sqrt(static_cast<float>(head_dim)));
  for (int64_t k = 0; k < padded; k += N) {
    attention::Transpose<N>(scratch.keys_DN + k * head_dim,
                            scratch.keys_TD + k * head_dim, head_dim,
                            attention::kLog2E);
  }
  std::fill_n(scratch.d_keys_DN, padded * head_dim, 0.0f);
  std::fill_n(scratch.d_values_DN, padded * head_dim, 0.0f);
}

LOCKSTEP_INLINE void PackQueries(const BackwardWork& work, int64_t head,
                                 Document document, int64_t head_dim) {
  const AttentionBackwardArgs& args = work.args;
  Scratch& scratch = work.scratch;
  const int64_t tokens = document.end - document.begin;
  const int64_t padded = attention::PaddedTokens(tokens);
  attention::PackRows(scratch.queries_TD, args.qkv_TN, document.begin,
                      document.end, head * head_dim, head_dim, 1);
  attention::PackRows(scratch.d_outs_TD, args.d_out_TQ, document.begin,
                      document.end, head * head_dim, head_dim, 1);
  std::fill_n(scratch.d_queries_TD, padded * head_dim, 0.0f);
  const float* log_sum = args.log_sum_HT.FloatRow(head) + document.begin;
  for (int64_t t = 0; t < tokens; ++t) {
    const float* out =
        args.out_TQ.FloatRow(document.begin + t) + head * head_dim;
    const float* d_out = scratch.d_outs_TD + t * head_dim;
    float delta = 0;
    for (int64_t d = 0; d < head_dim; ++d) delta += out[d] * d_out[d];
    scratch.delta_T[t] = delta;
    scratch.log_sum_T[t] = log_sum[t] * attention::kLog2E;
  }
  std::fill_n(scratch.delta_T + tokens, padded - tokens, 0.0f);
  std::fill_n(scratch.log_sum_T + tokens, padded - tokens, 0.0f);
}

LOCKSTEP_INLINE void UnpackQueries(const BackwardWork& work, int64_t head,
                                   Document document, int64_t head_dim) {
  const float* from = work.scratch.d_queries_TD;
  for (int64_t t = document.begin; t < document.end; ++t) {
    float* to = work.args.d_qkv_TN.FloatRow(t) + head * head_dim;
    for (int64_t d = 0; d < head_dim; ++d) to[d] = *from++;
  }
}

template <int N>
LOCKSTEP_INLINE void UnpackKeys(const BackwardWork& work, int64_t kv_head,
                                Document document, int64_t head_dim) {
  const QkvLayout& layout = work.args.layout;
  const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
  for (int64_t k = document.begin; k < document.end; k += N) {
    const int64_t count = std::min<int64_t>(N, document.end - k);
    const int64_t place = (k - document.begin) * head_dim;
    attention::StoreTransposed<N>(
        work.args.d_qkv_TN, k, count, layout.key_begin() + kv_head * head_dim,
        work.scratch.d_keys_DN + place, head_dim, scale);
    attention::StoreTransposed<N>(
        work.args.d_qkv_TN, k, count, layout.value_begin() + kv_head * head_dim,
        work.scratch.d_values_DN + place, head_dim, 1);
  }
}

// Loops over the few values of a head are unrolled where head_dim is a
// constant.
template <int N>
LOCKSTEP_INLINE void BackwardDocument(const BackwardWork& work,
                                      Document document, int64_t head_dim) {
  const QkvLayout& layout = work.args.layout;
  const int64_t tokens = document.end - document.begin;
  const int64_t group = layout.query_heads / layout.kv_heads;
  for (int64_t kv_head = 0; kv_head < layout.kv_heads; ++kv_head) {
    PackKeys<N>(work, kv_head, document, head_dim);
    for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
      PackQueries(work, head, document, head_dim);
      BackwardPairs<N>(work.scratch, tokens, head_dim);
      UnpackQueries(work, head, document, head_dim);
    }
    UnpackKeys<N>(work, kv_head, document, head_dim);
  }
}

template <int N>
LOCKSTEP_INLINE void Backward(const BackwardWork& work) {
  const PackedDocuments& documents = work.args.documents;
  for (int64_t n = 0; n < documents.count; ++n) {
    const Document document = {documents.cu_seqlens[n],
                               documents.cu_seqlens[n + 1]};
    if (work.args.layout.head_dim == 8) {
      BackwardDocument<N>(work, document, 8);
    } else {
      BackwardDocument<N>(work, document, work.args.layout.head_dim);
    }
  }
  const TensorView& d_qkv = work.args.d_qkv_TN;
  for (int64_t t = documents.cu_seqlens[documents.count]; t < d_qkv.rows; ++t) {
    std::fill_n(d_qkv.FloatRow(t), d_qkv.cols, 0.0f);
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
  Scratch scratch(args.documents.max_length, args.layout.head_dim);
  Backward({.args = args, .scratch = scratch});
  return absl::OkStatus();
}

}  // namespace lockstep
