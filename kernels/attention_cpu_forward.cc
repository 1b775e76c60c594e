#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/attention.h"
#include "kernels/cpu/attention_tile.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/transpose.h"
#include "kernels/cpu/vector_width.h"
#include "kernels/status.h"

namespace lockstep {
namespace {

using attention::Document;
using attention::kMaxHeadDim;
using attention::kTile;
using simd::Float;

constexpr int kKeys = 4 * kTile;  // Between two corrections of the softmax.

// N queries of one head, one a lane, with the state of their running softmax.
// Its scores are in base 2: s_j / sqrt(head_dim) * log2(e).
template <int N>
struct QueryBlock {
  int64_t first;                                  // Its place in the document.
  Float<N> most;                                  // Of the scores so far.
  Float<N> sum;                                   // sum_j(2^(s_j - most))
  alignas(64) float queries_DN[kMaxHeadDim * N];  // Scaled.
  alignas(64) float out_DN[kMaxHeadDim * N];      // sum_j(2^(s_j - most) v_j)
};

// Rows of one key and value head of a document, packed.
struct ForwardWork {
  const AttentionForwardArgs& args;
  float* keys_TD;
  float* values_TD;
};

// scores[j] of `kKeys` keys from number `key` of the document on, -infinity
// where the key is behind the query.
template <int N>
LOCKSTEP_INLINE void Score(Float<N> (&scores)[kKeys],
                           const QueryBlock<N>& block, const float* keys_TD,
                           int64_t key, int64_t key_end, int64_t head_dim) {
  for (int64_t j = key; j < key_end; j += kTile) {
    Float<N> sums[kTile] = {};
    attention::AddDots<N>(sums, block.queries_DN, N, keys_TD + j * head_dim,
                          head_dim, head_dim);
    std::copy_n(sums, kTile, scores + (j - key));
  }
  if (key_end <= block.first + 1) return;
  const simd::Int<N> lanes = attention::LaneNumbers<N>();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (int64_t j = key; j < key_end; ++j) {
    const auto behind = static_cast<int32_t>(j - block.first);
    scores[j - key] = simd::Compare<N>::IfLess(
        lanes, behind, simd::Broadcast<N>(-kInfinity), scores[j - key]);
  }
}

// Raises `most` to the largest of the scores, which become 2^(s_j - most).
// Tiles are folded before they join, or each would wait for the one before.
template <int N>
LOCKSTEP_INLINE void Exponentiate(QueryBlock<N>& block,
                                  Float<N> (&scores)[kKeys], int64_t count,
                                  int64_t head_dim) {
  Float<N> most = block.most;
  for (int64_t j = 0; j < count; j += kTile) {
    Float<N> tile = scores[j];
    for (int r = 1; r < kTile; ++r) {
      tile = simd::Compare<N>::Max(tile, scores[j + r]);
    }
    most = simd::Compare<N>::Max(most, tile);
  }
  const Float<N> correction = simd::Exp2<N>(block.most - most);
  block.most = most;
  block.sum *= correction;
  for (int64_t d = 0; d < head_dim; ++d) {
    float* out = block.out_DN + d * N;
    simd::Store<N>(out, simd::Load<N>(out) * correction);
  }
  for (int64_t j = 0; j < count; j += kTile) {
    Float<N> tile{};
    for (int r = 0; r < kTile; ++r) {
      scores[j + r] = simd::Exp2<N>(scores[j + r] - most);
      tile += scores[j + r];
    }
    block.sum += tile;
  }
}

template <int N>
LOCKSTEP_INLINE void Attend(QueryBlock<N>& block, const ForwardWork& work,
                            int64_t tokens, int64_t head_dim) {
  const int64_t end = std::min(block.first + N, tokens);
  for (int64_t key = 0; key < end; key += kKeys) {
    // Whole tiles: the keys they have too many score -infinity.
    const int64_t count =
        std::min<int64_t>(kKeys, (end - key + kTile - 1) / kTile * kTile);
    Float<N> scores[kKeys];
    Score<N>(scores, block, work.keys_TD, key, key + count, head_dim);
    Exponentiate<N>(block, scores, count, head_dim);
    attention::AddWeighted<N>(block.out_DN, scores,
                              work.values_TD + key * head_dim, count, head_dim);
  }
}

// N queries of one head, from place `first` on.
template <int N, int kHeadDim>
LOCKSTEP_INLINE void ForwardBlock(const ForwardWork& work, Document document,
                                  int64_t first, int64_t head) {
  const AttentionForwardArgs& args = work.args;
  const int64_t head_dim = kHeadDim > 0 ? kHeadDim : args.layout.head_dim;
  const int64_t column = head * head_dim;
  const int64_t begin = document.begin + first;
  const int64_t count = std::min<int64_t>(N, document.end - begin);
  QueryBlock<N> block;
  block.first = first;
  block.most = simd::Broadcast<N>(-std::numeric_limits<float>::infinity());
  block.sum = Float<N>{};
  std::fill_n(block.out_DN, head_dim * N, 0.0f);
  simd::LoadTransposed<N>(
      block.queries_DN, args.qkv_TN.FloatRow(begin) + column,
      args.qkv_TN.stride, count, head_dim, attention::ScoreScale(head_dim));
  Attend<N>(block, work, document.end - document.begin, head_dim);

  for (int64_t d = 0; d < head_dim; ++d) {
    float* out = block.out_DN + d * N;
    simd::Store<N>(out, simd::Load<N>(out) / block.sum);
  }
  simd::StoreTransposed<N>(args.out_TQ.FloatRow(begin) + column,
                           args.out_TQ.stride, block.out_DN, count, head_dim,
                           1);
  float* log_sum = args.log_sum_HT.FloatRow(head) + begin;
  for (int64_t lane = 0; lane < count; ++lane) {
    log_sum[lane] =
        attention::kLn2 * block.most[lane] + std::log(block.sum[lane]);
  }
}

// kHeadDim is head_dim, or 0: loops over few values are unrolled if their
// length is known.
template <int N, int kHeadDim>
LOCKSTEP_INLINE void ForwardDocument(const ForwardWork& work,
                                     Document document) {
  const QkvLayout& layout = work.args.layout;
  const int64_t head_dim = kHeadDim > 0 ? kHeadDim : layout.head_dim;
  const int64_t group = layout.query_heads / layout.kv_heads;
  for (int64_t kv_head = 0; kv_head < layout.kv_heads; ++kv_head) {
    attention::PackRows(work.keys_TD, work.args.qkv_TN, document.begin,
                        document.end, layout.key_begin() + kv_head * head_dim,
                        head_dim, 1);
    attention::PackRows(work.values_TD, work.args.qkv_TN, document.begin,
                        document.end, layout.value_begin() + kv_head * head_dim,
                        head_dim, 1);
    for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
      for (int64_t q = 0; document.begin + q < document.end; q += N) {
        ForwardBlock<N, kHeadDim>(work, document, q, head);
      }
    }
  }
}

template <int N>
LOCKSTEP_INLINE void Forward(const ForwardWork& work) {
  const AttentionForwardArgs& args = work.args;
  const PackedDocuments& documents = args.documents;
  for (int64_t n = 0; n < documents.count; ++n) {
    const Document document = {documents.cu_seqlens[n],
                               documents.cu_seqlens[n + 1]};
    if (args.layout.head_dim == 8) {
      ForwardDocument<N, 8>(work, document);
    } else {
      ForwardDocument<N, 0>(work, document);
    }
  }
  for (int64_t t = documents.cu_seqlens[documents.count]; t < args.out_TQ.rows;
       ++t) {
    std::fill_n(args.out_TQ.FloatRow(t), args.out_TQ.cols, 0.0f);
    for (int64_t head = 0; head < args.layout.query_heads; ++head) {
      args.log_sum_HT.FloatRow(head)[t] = 0;
    }
  }
}
LOCKSTEP_DISPATCH_VECTOR_WIDTH(Forward, ForwardWork)

}  // namespace

absl::Status AttentionForwardCpu(const AttentionForwardArgs& args) {
  for (const TensorView& view : {args.out_TQ, args.log_sum_HT, args.qkv_TN}) {
    LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckCpuFloat("attention", view));
  }
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      attention::CheckDocuments(args.documents, args.qkv_TN.rows));
  const int64_t floats =
      attention::PaddedTokens(args.documents.max_length) * args.layout.head_dim;
  std::vector<float> packed(2 * floats);
  Forward({.args = args,
           .keys_TD = packed.data(),
           .values_TD = packed.data() + floats});
  return absl::OkStatus();
}

}  // namespace lockstep
