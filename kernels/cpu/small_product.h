#ifndef LOCKSTEP_KERNELS_CPU_SMALL_PRODUCT_H_
#define LOCKSTEP_KERNELS_CPU_SMALL_PRODUCT_H_

// Products of float32 matrices of which one is small enough to be copied into
// the core's own cache, as the weights of a small model are: the other factor
// is read where it lies, and each sum stays in a register. Called by one thread
// per rank; several may call at the same time.

#include <cstdint>

namespace lockstep {

// Number (i, j) is data[i * row_stride + j * col_stride]. Either stride is 1.
struct ProductFactor {
  const float* data;
  int64_t rows;
  int64_t cols;
  int64_t row_stride;
  int64_t col_stride;
};

// out = scale * a b, or out += scale * a b. out [a.rows, b.cols] has rows of
// out_stride numbers and shares no memory with the factors; a.cols == b.rows.
// Each number is summed in an order that depends on a.cols alone.
struct SmallProductArgs {
  float* out;
  int64_t out_stride;
  ProductFactor a;
  ProductFactor b;
  float scale = 1;
  bool add = false;
};
void SmallProductCpu(const SmallProductArgs& args);

// Whether it is the fastest on this machine, compared with MKL. On a CPU that
// is not Intel's, MKL takes kernels for vectors of 8 numbers at most that spend
// a quarter of the time on copies of matrices as small as these.
bool SmallProductPays(int64_t rows, int64_t cols, int64_t depth);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_CPU_SMALL_PRODUCT_H_
