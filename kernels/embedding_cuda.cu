// Backward, a block belongs to a few tokens and a stretch of columns. It looks
// for their ids among all, all at once; the block of the first token with an id
// adds the rows of all tokens with that id, in their order. So no two blocks
// write the same row, and no memory for sorted ids is needed. That takes the
// square of the number of tokens, so a launch deals with kChunk at most: their
// rows are in the table before those of the next chunk are added.

#include <algorithm>

#include "kernels/cuda/copy_rows.cuh"
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/reduce.cuh"
#include "kernels/embedding.h"

namespace lockstep {
namespace cuda {
namespace {

constexpr int kThreads = 512;
constexpr int kWarps = kThreads / kWarp;
// Of a chunk a thread looks at every kThreads-th token, of kTurns.
constexpr int kTurns = 16;
constexpr int kChunk = kTurns * kThreads;
constexpr int kWords = kChunk / kWarp;  // With a bit for each token.
constexpr int kTokens = 4;              // Of a block.
constexpr int kAtOnce = 4;              // Rows that are read at once,
constexpr int kManyAtOnce = 16;         // or, of one id, as many.

template <typename T>
struct Params {
  Matrix<float> d_table;
  Matrix<T> d_out;
  const int32_t* ids;
  int tokens;
  int cols;

  // None's is kNoRow.
  __device__ int32_t IdOf(int token) const {
    return token < tokens ? ids[token] : kNoRow;
  }
};

// The tokens of a block lie far from each other: the first of frequent ids,
// which have much to add, are near the beginning.
__device__ inline int TokenOf(int number) {
  return blockIdx.x + number * gridDim.x;
}

// Of a block's tokens, a bit for each.
struct Found {
  unsigned int earlier = 0;  // An earlier token has the id.
  unsigned int later = 0;    // A later token has it.
};

// What this thread finds of a token with `id`.
__device__ inline void Look(const int32_t (&held)[kTurns], int number,
                            int32_t id, Found& found) {
  unsigned int turns = 0;
#pragma unroll
  for (int turn = 0; turn < kTurns; ++turn) {
    if (held[turn] == id) turns |= 1u << turn;
  }
  const int turn = TokenOf(number) / kThreads;
  const int thread = TokenOf(number) % kThreads;
  const int place = static_cast<int>(threadIdx.x);
  const unsigned int before = (1u << (turn + (place < thread ? 1 : 0))) - 1;
  const unsigned int itself = place == thread ? 1u << turn : 0;
  if ((turns & before) != 0) found.earlier |= 1u << number;
  if ((turns & ~before & ~itself) != 0) found.later |= 1u << number;
}

// Over the block; every thread gets the result.
__device__ inline Found Merge(const Found& found) {
  static_assert(2 * kTokens <= 32);
  __shared__ unsigned int warps[kWarps];
  const int lane = threadIdx.x % kWarp;
  unsigned int both =
      __reduce_or_sync(~0u, found.earlier | found.later << kTokens);
  if (lane == 0) warps[threadIdx.x / kWarp] = both;
  __syncthreads();
  both = __reduce_or_sync(~0u, lane < kWarps ? warps[lane] : 0);
  constexpr unsigned int kAll = (1u << kTokens) - 1;
  return {.earlier = both & kAll, .later = both >> kTokens};
}

template <typename T>
__device__ Found LookForAll(const Params<T>& params,
                            const int32_t (&ids)[kTokens]) {
  int32_t held[kTurns];
#pragma unroll
  for (int turn = 0; turn < kTurns; ++turn) {
    held[turn] = params.IdOf(turn * kThreads + threadIdx.x);
  }
  Found found;
#pragma unroll
  for (int number = 0; number < kTokens; ++number) {
    Look(held, number, ids[number], found);
  }
  return Merge(found);
}

// Adds the rows of those of the block's tokens that are in `alone`: no other
// token has their id.
template <typename T, int kWidth>
__device__ void AddRows(const Params<T>& params, const int32_t (&ids)[kTokens],
                        unsigned int alone, int col) {
#pragma unroll
  for (int begin = 0; begin < kTokens; begin += kAtOnce) {
    Vector<float, kWidth> sums[kAtOnce];
    Vector<T, kWidth> terms[kAtOnce];
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      if ((alone >> (begin + k) & 1) == 0) continue;
      terms[k] = Load<kWidth>(params.d_out.row(TokenOf(begin + k)) + col);
      sums[k] = Load<kWidth>(params.d_table.row(ids[begin + k]) + col);
    }
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      if ((alone >> (begin + k) & 1) == 0) continue;
      float term[kWidth];
      Unpack(terms[k], term);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) sums[k].values[i] += term[i];
      Store(params.d_table.row(ids[begin + k]) + col, sums[k]);
    }
  }
}

// The tokens with an id, in their order.
struct Matches {
  uint16_t tokens[kChunk];
  unsigned int words[kWords];
  int counts[kWords / kWarp];  // Of 32 words each.
};

// Returns how many; the whole block calls it.
template <typename T>
__device__ int FindMatches(const Params<T>& params, int32_t id,
                           Matches& matches) {
  static_assert(kWords <= kThreads && kChunk <= 65536);
  const int place = threadIdx.x;
  const int lane = place % kWarp, warp = place / kWarp;
#pragma unroll
  for (int turn = 0; turn < kTurns; ++turn) {
    const bool matched = params.IdOf(turn * kThreads + place) == id;
    const unsigned int word = __ballot_sync(~0u, matched);
    if (lane == 0) matches.words[turn * kWarps + warp] = word;
  }
  __syncthreads();
  // All before the end of its word, of the 32 words of the warp.
  unsigned int word = place < kWords ? matches.words[place] : 0;
  int before = __popc(word);
#pragma unroll
  for (int distance = 1; distance < kWarp; distance *= 2) {
    const int others = __shfl_up_sync(~0u, before, distance);
    if (lane >= distance) before += others;
  }
  if (place < kWords && lane == kWarp - 1) matches.counts[warp] = before;
  before -= __popc(word);
  __syncthreads();
  int all = 0;
#pragma unroll
  for (int w = 0; w < kWords / kWarp; ++w) {
    if (w < warp) before += matches.counts[w];
    all += matches.counts[w];
  }
  for (; word != 0; word &= word - 1) {
    matches.tokens[before++] =
        static_cast<uint16_t>(place * kWarp + __ffs(word) - 1);
  }
  __syncthreads();
  return all;
}

// Adds the rows of kRows of the matches from `begin` on, of which there may be
// fewer: then the last is read again, and not added.
template <int kRows, typename T, int kWidth>
__device__ void AddSome(const Params<T>& params, const Matches& matches,
                        int begin, int count, int col, float (&sum)[kWidth]) {
  Vector<T, kWidth> terms[kRows];
#pragma unroll
  for (int k = 0; k < kRows; ++k) {
    const int token = matches.tokens[min(begin + k, count - 1)];
    terms[k] = Load<kWidth>(params.d_out.row(token) + col);
  }
#pragma unroll
  for (int k = 0; k < kRows; ++k) {
    if (begin + k >= count) continue;
    float term[kWidth];
    Unpack(terms[k], term);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) sum[i] += term[i];
  }
}

// Adds the rows of all tokens with the id.
template <typename T, int kWidth>
__device__ void AddMatches(const Params<T>& params, int32_t id,
                           const Matches& matches, int count, int col) {
  float sum[kWidth];
  LoadFloats<kWidth>(params.d_table.row(id) + col, sum);
  int begin = 0;
#pragma unroll 1
  for (; begin + kManyAtOnce <= count; begin += kManyAtOnce) {
    AddSome<kManyAtOnce>(params, matches, begin, count, col, sum);
  }
#pragma unroll 1
  for (; begin < count; begin += kAtOnce) {
    AddSome<kAtOnce>(params, matches, begin, count, col, sum);
  }
  StoreFloats<kWidth>(params.d_table.row(id) + col, sum);
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads, 2)
    BackwardKernel(const Params<T> params) {
  __shared__ Matches matches;
  int32_t ids[kTokens];
  unsigned int owned = 0;
#pragma unroll
  for (int number = 0; number < kTokens; ++number) {
    ids[number] = params.IdOf(TokenOf(number));
  }
  const Found found = LookForAll(params, ids);
#pragma unroll
  for (int number = 0; number < kTokens; ++number) {
    if (ids[number] >= 0) owned |= 1u << number;
  }
  owned &= ~found.earlier;
  const int col = (blockIdx.y * kThreads + threadIdx.x) * kWidth;
  const bool has_columns = col < params.cols;
  if (has_columns) {
    AddRows<T, kWidth>(params, ids, owned & ~found.later, col);
  }
#pragma unroll 1
  for (unsigned int rest = owned & found.later; rest != 0; rest &= rest - 1) {
    const int32_t id = params.IdOf(TokenOf(__ffs(rest) - 1));
    const int count = FindMatches(params, id, matches);
    if (has_columns) {
      AddMatches<T, kWidth>(params, id, matches, count, col);
    }
  }
}

// Of floats and elements of T alike, so that both are read and written without
// a gap between the threads.
constexpr int kAlignedWidth = 4;

template <typename T, int kWidth>
void LaunchBackward(const TensorView& d_table, const TensorView& d_out,
                    const int32_t* ids, cudaStream_t stream) {
  Params<T> params = {.d_table = Matrix<float>(d_table),
                      .d_out = Matrix<T>(d_out),
                      .ids = ids,
                      .cols = static_cast<int>(d_out.cols)};
  for (int64_t begin = 0; begin < d_out.rows; begin += kChunk) {
    params.d_out.data = static_cast<T*>(d_out.data) + begin * d_out.stride;
    params.ids = ids + begin;
    params.tokens =
        static_cast<int>(std::min<int64_t>(d_out.rows - begin, kChunk));
    const dim3 blocks(CeilDivide(params.tokens, kTokens),
                      CeilDivide(d_out.cols, kThreads * kWidth));
    BackwardKernel<T, kWidth><<<blocks, kThreads, 0, stream>>>(params);
  }
}

}  // namespace
}  // namespace cuda

absl::Status EmbeddingForwardCuda(TensorView out_TD, TensorView table_VD,
                                  const int32_t* ids_T, Stream stream) {
  return cuda::Gather("embedding", out_TD, table_VD, ids_T, stream);
}

absl::Status EmbeddingBackwardCuda(TensorView d_table_VD, TensorView d_out_TD,
                                   const int32_t* ids_T, Stream stream) {
  if (d_out_TD.rows == 0 || d_out_TD.cols == 0) return absl::OkStatus();
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      cuda::CheckViews("embedding", DType::kFloat32, {d_table_VD}));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      cuda::CheckViews("embedding", d_out_TD.dtype, {d_out_TD}));
  const bool aligned = cuda::IsAligned(d_table_VD) && cuda::IsAligned(d_out_TD);
  cuda::WithDType(d_out_TD.dtype, aligned, [&]<typename T, int kWidth>() {
    constexpr int kOwnWidth = kWidth == 1 ? 1 : cuda::kAlignedWidth;
    cuda::LaunchBackward<T, kOwnWidth>(d_table_VD, d_out_TD, ids_T,
                                       cuda::Handle(stream));
  });
  return CudaStatus("embedding", cudaGetLastError());
}

}  // namespace lockstep
