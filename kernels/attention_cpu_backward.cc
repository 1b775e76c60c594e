#include <algorithm>
#include <cmath>
#include <memory>

#include "kernels/attention.h"
#include "kernels/cpu/attention_query_gradient.h"
#include "kernels/cpu/attention_tile.h"
#include "kernels/cpu/cache_line.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/transpose.h"
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
// every query. A block of keys, one a lane, meets the queries in chunks: first
// their scores, then each gradient as a product of its own, whose sums stay in
// registers.

namespace lockstep {
namespace {

using attention::Document;
using attention::kTile;
using simd::Float;

constexpr int64_t kQueries = 4 * kTile;  // Of a chunk.

// Room for one head of the longest document.
class Scratch {
 public:
  Scratch(int64_t tokens, int64_t head_dim) {
    const int64_t rows = attention::PaddedTokens(tokens);
    // Nine buffers of head_dim columns, two of one.
    floats_ = std::make_unique_for_overwrite<float[]>(
        rows * (9 * head_dim + 2) + simd::kLine);
    float* next = simd::AlignToLine(floats_.get());
    const auto take = [&](int64_t cols) {
      float* taken = next;
      next += rows * cols;
      return taken;
    };
    keys_DN = take(head_dim);
    values_DN = take(head_dim);
    d_keys_DN = take(head_dim);
    d_values_DN = take(head_dim);
    keys_TD = take(2 * head_dim);
    queries_TD = take(head_dim);
    d_outs_TD = take(head_dim);
    d_queries = take(head_dim);
    first_score_T = take(1);
    first_d_weight_T = take(1);
  }

  // Blocks of N keys, one a lane; keys times ScoreScale.
  float* keys_DN;
  float* values_DN;
  float* d_keys_DN;
  float* d_values_DN;
  float* keys_TD;  // Over sqrt(head_dim); each number kKeyCopies times.
  float* queries_TD;
  float* d_outs_TD;
  float* d_queries;         // As SingleQueries or QueryPairs keep them.
  float* first_score_T;     // -log_sum, in base 2.
  float* first_d_weight_T;  // -delta

 private:
  std::unique_ptr<float[]> floats_;
};

struct BackwardWork {
  const AttentionBackwardArgs& args;
  Scratch& scratch;
};

// What a block of keys and a chunk of queries give each other.
template <int N>
struct ChunkScores {
  Float<N> weights[kQueries];
  Float<N> d_scores[kQueries];
  alignas(64) float d_scores_QN[kQueries * N];  // For the queries' gradients.
};

// products_R: first[r] + sum_D(of each key * of query r), for a tile of
// queries.
template <int N>
LOCKSTEP_INLINE void TileProducts(Float<N>* products_R, const float* first_R,
                                  const float* keys_DN, const float* queries_RD,
                                  int64_t head_dim) {
  Float<N> sums[kTile];
#pragma GCC unroll 8
  for (int r = 0; r < kTile; ++r) sums[r] = simd::Broadcast<N>(first_R[r]);
  attention::AddDots<N>(sums, simd::LoadedAnew<N>(keys_DN), N, queries_RD,
                        head_dim, head_dim);
#pragma GCC unroll 8
  for (int r = 0; r < kTile; ++r) products_R[r] = sums[r];
}

// Of a query that sees the first `visible` of the keys, all if that is N.
template <int N>
LOCKSTEP_INLINE Float<N> Weight(Float<N> score, int32_t visible) {
  const Float<N> weight = simd::Exp2<N>(score);
  if (visible >= N) return weight;
  return simd::Compare<N>::IfLess(attention::LaneNumbers<N>(), visible, weight,
                                  Float<N>{});
}

// Key and query by their place in the document. One step for all queries after
// the other: each alone fits the registers of any machine.
template <int N, typename QueryGradient>
LOCKSTEP_INLINE void ScoreChunk(ChunkScores<N>& chunk, const Scratch& scratch,
                                int64_t key, int64_t query, int64_t count,
                                int64_t head_dim) {
  for (int64_t i = 0; i < count; i += kTile) {
    TileProducts<N>(chunk.weights + i, scratch.first_score_T + query + i,
                    scratch.keys_DN + key * head_dim,
                    scratch.queries_TD + (query + i) * head_dim, head_dim);
  }
  for (int64_t i = 0; i < count; ++i) {
    chunk.weights[i] =
        Weight<N>(chunk.weights[i], static_cast<int32_t>(query + i - key) + 1);
  }
  for (int64_t i = 0; i < count; i += kTile) {
    TileProducts<N>(chunk.d_scores + i, scratch.first_d_weight_T + query + i,
                    scratch.values_DN + key * head_dim,
                    scratch.d_outs_TD + (query + i) * head_dim, head_dim);
  }
  for (int64_t i = 0; i < count; i += 2) {
    for (int64_t j = i; j < i + 2; ++j) chunk.d_scores[j] *= chunk.weights[j];
    QueryGradient::StoreScores(chunk.d_scores_QN + i * N, chunk.d_scores[i],
                               chunk.d_scores[i + 1]);
  }
}

template <int N, typename QueryGradient>
LOCKSTEP_INLINE void BackwardChunk(const Scratch& scratch, int64_t key,
                                   int64_t query, int64_t count,
                                   int64_t head_dim) {
  ChunkScores<N> chunk;
  ScoreChunk<N, QueryGradient>(chunk, scratch, key, query, count, head_dim);
  attention::AddWeighted<N>(scratch.d_values_DN + key * head_dim, chunk.weights,
                            scratch.d_outs_TD + query * head_dim, count,
                            head_dim);
  attention::AddWeighted<N>(scratch.d_keys_DN + key * head_dim, chunk.d_scores,
                            scratch.queries_TD + query * head_dim, count,
                            head_dim);
  QueryGradient::Add(
      scratch.d_queries + query * head_dim,
      scratch.keys_TD + key * head_dim * QueryGradient::kKeyCopies,
      chunk.d_scores_QN, count, head_dim);
}

// All pairs of a query head and its key head.
template <int N, typename QueryGradient>
LOCKSTEP_INLINE void BackwardPairs(const Scratch& scratch, int64_t tokens,
                                   int64_t head_dim) {
  const int64_t end = attention::PaddedTokens(tokens);
  for (int64_t key = 0; key < tokens; key += N) {
    for (int64_t query = key / kTile * kTile; query < end; query += kQueries) {
      BackwardChunk<N, QueryGradient>(
          scratch, key, query, std::min(kQueries, end - query), head_dim);
    }
  }
}

template <int N, typename QueryGradient>
LOCKSTEP_INLINE void PackKeys(const BackwardWork& work, int64_t kv_head,
                              Document document, int64_t head_dim) {
  const QkvLayout& layout = work.args.layout;
  const TensorView& qkv = work.args.qkv_TN;
  Scratch& scratch = work.scratch;
  const int64_t key_column = layout.key_begin() + kv_head * head_dim;
  const int64_t value_column = layout.value_begin() + kv_head * head_dim;
  const int64_t tokens = document.end - document.begin;
  const int64_t padded = attention::PaddedTokens(tokens);
  for (int64_t k = 0; k < padded; k += N) {
    const int64_t count = std::clamp<int64_t>(tokens - k, 0, N);
    const float* row = qkv.FloatRow(document.begin + k);
    simd::LoadTransposed<N>(scratch.keys_DN + k * head_dim, row + key_column,
                            qkv.stride, count, head_dim,
                            attention::ScoreScale(head_dim));
    simd::LoadTransposed<N>(scratch.values_DN + k * head_dim,
                            row + value_column, qkv.stride, count, head_dim, 1);
  }
  QueryGradient::PackKeys(scratch.keys_TD, qkv, document, key_column, head_dim,
                          1 / std::sqrt(static_cast<float>(head_dim)));
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
  std::fill_n(scratch.d_queries, padded * head_dim, 0.0f);
  const float* log_sum = args.log_sum_HT.FloatRow(head) + document.begin;
  for (int64_t t = 0; t < tokens; ++t) {
    const float* out =
        args.out_TQ.FloatRow(document.begin + t) + head * head_dim;
    const float* d_out = scratch.d_outs_TD + t * head_dim;
    float delta = 0;
    for (int64_t d = 0; d < head_dim; ++d) delta += out[d] * d_out[d];
    scratch.first_d_weight_T[t] = -delta;
    scratch.first_score_T[t] = -log_sum[t] * attention::kLog2E;
  }
  std::fill_n(scratch.first_d_weight_T + tokens, padded - tokens, 0.0f);
  std::fill_n(scratch.first_score_T + tokens, padded - tokens, 0.0f);
}

template <int N>
LOCKSTEP_INLINE void UnpackKeys(const BackwardWork& work, int64_t kv_head,
                                Document document, int64_t head_dim) {
  const QkvLayout& layout = work.args.layout;
  const TensorView& d_qkv = work.args.d_qkv_TN;
  const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
  for (int64_t k = document.begin; k < document.end; k += N) {
    const int64_t count = std::min<int64_t>(N, document.end - k);
    const int64_t place = (k - document.begin) * head_dim;
    float* row = d_qkv.FloatRow(k);
    simd::StoreTransposed<N>(row + layout.key_begin() + kv_head * head_dim,
                             d_qkv.stride, work.scratch.d_keys_DN + place,
                             count, head_dim, scale);
    simd::StoreTransposed<N>(row + layout.value_begin() + kv_head * head_dim,
                             d_qkv.stride, work.scratch.d_values_DN + place,
                             count, head_dim, 1);
  }
}

// Loops over the few values of a head are unrolled where head_dim is a
// constant.
template <int N, typename QueryGradient>
LOCKSTEP_INLINE void BackwardDocument(const BackwardWork& work,
                                      Document document, int64_t head_dim) {
  const QkvLayout& layout = work.args.layout;
  const int64_t tokens = document.end - document.begin;
  const int64_t group = layout.query_heads / layout.kv_heads;
  for (int64_t kv_head = 0; kv_head < layout.kv_heads; ++kv_head) {
    PackKeys<N, QueryGradient>(work, kv_head, document, head_dim);
    for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
      PackQueries(work, head, document, head_dim);
      BackwardPairs<N, QueryGradient>(work.scratch, tokens, head_dim);
      const TensorView& d_qkv = work.args.d_qkv_TN;
      QueryGradient::Unpack(d_qkv.FloatRow(document.begin) + head * head_dim,
                            d_qkv.stride, work.scratch.d_queries, tokens,
                            head_dim);
    }
    UnpackKeys<N>(work, kv_head, document, head_dim);
  }
}

template <int N>
LOCKSTEP_INLINE void BackwardDocument(const BackwardWork& work,
                                      Document document) {
  using Single = attention::SingleQueries<N>;
  const int64_t head_dim = work.args.layout.head_dim;
  if constexpr (N == attention::QueryPairs::kLanes) {
    using Pairs = attention::QueryPairs;
    if (head_dim == 8) {
      return BackwardDocument<N, Pairs>(work, document, 8);
    }
    if (head_dim % N == 8) {
      return BackwardDocument<N, Pairs>(work, document, head_dim);
    }
  }
  if (head_dim == 8) return BackwardDocument<N, Single>(work, document, 8);
  BackwardDocument<N, Single>(work, document, head_dim);
}

template <int N>
LOCKSTEP_INLINE void Backward(const BackwardWork& work) {
  const PackedDocuments& documents = work.args.documents;
  for (int64_t n = 0; n < documents.count; ++n) {
    BackwardDocument<N>(work,
                        {documents.cu_seqlens[n], documents.cu_seqlens[n + 1]});
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
