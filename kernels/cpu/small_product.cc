#include "kernels/cpu/small_product.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "kernels/cpu/cache_line.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/vector_width.h"

namespace lockstep {
namespace {

using simd::Float;

// Of `b` at a time: with 512 columns, half of a core's second cache.
constexpr int64_t kDepth = 256;
constexpr int64_t kMostCols = 1024;
// Below, the copy of `b` costs too much of the whole.
constexpr int64_t kFewestRows = 64;

// Rows whose sums fit the registers, two vectors each, beside those of `b`.
template <int N>
constexpr int kTileRows = N == 16 ? 8 : 4;

// Room for `size` floats, aligned to a line; this thread's alone.
float* Room(int64_t size) {
  struct Memory {
    std::unique_ptr<float[]> floats;
    int64_t size = 0;
  };
  thread_local Memory memory;
  if (memory.size < size) {
    memory.floats = std::make_unique_for_overwrite<float[]>(size + simd::kLine);
    memory.size = size;
  }
  return simd::AlignToLine(memory.floats.get());
}

// Rows [begin, begin + depth) of b, in panels of two vectors of columns, the
// last of one if that is enough, padded with zeros: [panel][row][column].
template <int N>
LOCKSTEP_INLINE void Pack(float* to, const ProductFactor& b, int64_t begin,
                          int64_t depth) {
  for (int64_t col = 0; col < b.cols; col += 2 * N) {
    const int64_t left = b.cols - col;
    const int64_t width = left > N ? 2 * N : N;
    const int64_t count = std::min(left, width);
    const float* from = b.data + begin * b.row_stride + col * b.col_stride;
    if (b.col_stride == 1) {
      for (int64_t k = 0; k < depth; ++k) {
        for (int64_t c = 0; c < width; c += N) {
          simd::Store<N>(
              to + k * width + c,
              simd::LoadUpTo<N>(from + k * b.row_stride + c, count - c));
        }
      }
    } else {
      for (int64_t c = 0; c < width; ++c) {
        const float* column = from + c * b.col_stride;
        for (int64_t k = 0; k < depth; ++k) {
          to[k * width + c] = c < count ? column[k * b.row_stride] : 0.0f;
        }
      }
    }
    to += depth * width;
  }
}

// Rows of `a` and of `out`, from one on.
struct Rows {
  LOCKSTEP_INLINE Rows From(int64_t row) const {
    Rows later = *this;
    later.out += row * out_stride;
    later.a += row * a_row_stride;
    return later;
  }

  float* out;
  int64_t out_stride;
  const float* a;
  int64_t a_row_stride;
  int64_t a_col_stride;
  int64_t depth;
  float scale;
  bool add;
};

// kRows rows of the columns of one panel, kVectors wide, of which `count` of
// the last vector are there.
template <int N, int kRows, int kVectors>
LOCKSTEP_INLINE void Tile(const Rows& rows, const float* panel, int64_t col,
                          int64_t count) {
  Float<N> sums[kRows][kVectors] = {};
#pragma GCC unroll 4
  for (int64_t k = 0; k < rows.depth; ++k) {
    Float<N> b[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      b[v] = simd::Load<N>(panel + (k * kVectors + v) * N);
    }
    const float* a = rows.a + k * rows.a_col_stride;
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kVectors; ++v) {
        sums[r][v] += b[v] * a[r * rows.a_row_stride];
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    float* out = rows.out + r * rows.out_stride + col;
    for (int v = 0; v < kVectors; ++v) {
      const int64_t lanes = v + 1 < kVectors ? N : count;
      Float<N> sum = sums[r][v] * rows.scale;
      if (rows.add) sum += simd::LoadUpTo<N>(out + v * N, lanes);
      simd::StoreUpTo<N>(out + v * N, sum, lanes);
    }
  }
}

template <int N, int kRows>
LOCKSTEP_INLINE void AllPanels(const Rows& rows, const float* panels,
                               int64_t cols) {
  int64_t col = 0;
  for (; cols - col > N; col += 2 * N) {
    Tile<N, kRows, 2>(rows, panels, col, std::min<int64_t>(cols - col - N, N));
    panels += rows.depth * 2 * N;
  }
  if (col < cols) Tile<N, kRows, 1>(rows, panels, col, cols - col);
}

template <int N>
LOCKSTEP_INLINE void SmallProduct(const SmallProductArgs& args) {
  const ProductFactor& a = args.a;
  const int64_t padded_cols = (args.b.cols + N - 1) / N * N;
  float* panels = Room(std::min(kDepth, a.cols) * padded_cols);
  for (int64_t begin = 0; begin < a.cols; begin += kDepth) {
    const int64_t depth = std::min(kDepth, a.cols - begin);
    Pack<N>(panels, args.b, begin, depth);
    const Rows rows = {.out = args.out,
                       .out_stride = args.out_stride,
                       .a = a.data + begin * a.col_stride,
                       .a_row_stride = a.row_stride,
                       .a_col_stride = a.col_stride,
                       .depth = depth,
                       .scale = args.scale,
                       .add = args.add || begin > 0};
    const int64_t in_tiles = a.rows / kTileRows<N> * kTileRows<N>;
    for (int64_t row = 0; row < in_tiles; row += kTileRows<N>) {
      AllPanels<N, kTileRows<N>>(rows.From(row), panels, args.b.cols);
    }
    for (int64_t row = in_tiles; row < a.rows; ++row) {
      AllPanels<N, 1>(rows.From(row), panels, args.b.cols);
    }
  }
}
LOCKSTEP_DISPATCH_VECTOR_WIDTH(SmallProduct, SmallProductArgs)

}  // namespace

void SmallProductCpu(const SmallProductArgs& args) {
  if (args.a.cols == 0 && !args.add) {
    for (int64_t row = 0; row < args.a.rows; ++row) {
      std::fill_n(args.out + row * args.out_stride, args.b.cols, 0.0f);
    }
  }
  SmallProduct(args);
}

bool SmallProductPays(int64_t rows, int64_t cols, int64_t depth) {
  static const bool intel = __builtin_cpu_is("intel");
  return !intel && simd::VectorLanes() >= 8 && rows >= kFewestRows &&
         cols <= kMostCols && depth >= 1;
}

}  // namespace lockstep
