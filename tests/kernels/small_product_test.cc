#include "kernels/cpu/small_product.h"

#include <cmath>
#include <limits>
#include <string>
#include <tuple>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernels/matrix.h"

namespace lockstep::testing {
namespace {

// [rows, cols], stored as it is or with rows for columns.
struct Factor {
  Factor(int64_t rows, int64_t cols, bool transposed, uint64_t seed)
      : transposed(transposed),
        stored(transposed ? Matrix::Random(cols, rows, seed)
                          : Matrix::Random(rows, cols, seed)) {}
  float at(int64_t r, int64_t c) const {
    return transposed ? stored.at(c, r) : stored.at(r, c);
  }
  ProductFactor view() {
    const int64_t stride = stored.cols() + Matrix::kTail;
    return transposed ? ProductFactor{stored.data(), stored.cols(),
                                      stored.rows(), 1, stride}
                      : ProductFactor{stored.data(), stored.rows(),
                                      stored.cols(), stride, 1};
  }

  bool transposed;
  Matrix stored;
};

Doubles ProductOracle(const Matrix& before, const Factor& a, const Factor& b,
                      int64_t depth, double scale, bool add) {
  Doubles out(before.rows(), before.cols());
  for (int64_t r = 0; r < out.rows; ++r) {
    for (int64_t c = 0; c < out.cols; ++c) {
      double sum = 0;
      for (int64_t k = 0; k < depth; ++k) {
        sum += double{a.at(r, k)} * double{b.at(k, c)};
      }
      out.at(r, c) = scale * sum + (add ? double{before.at(r, c)} : 0);
    }
  }
  return out;
}

SmallProductArgs ArgsOf(Matrix& out, Factor& a, Factor& b) {
  return {.out = out.data(),
          .out_stride = out.cols() + Matrix::kTail,
          .a = a.view(),
          .b = b.view()};
}

struct Shape {
  int64_t rows;
  int64_t cols;
  int64_t depth;
};

class SmallProductTest : public KernelTest {};

// Rows that fill no tile, columns that fill no vector, one that is one number
// wide; and sums longer than what is copied at a time.
TEST_P(SmallProductTest, IsThatInFloat64InEachLayout) {
  uint64_t seed = 0;
  for (const Shape& shape :
       {Shape{1, 1, 1}, Shape{9, 16, 7}, Shape{8, 33, 64}, Shape{70, 48, 300},
        Shape{13, 21, 513}, Shape{65, 172, 64}, Shape{3, 5, 256}}) {
    for (const bool a_transposed : {false, true}) {
      for (const bool b_transposed : {false, true}) {
        for (const bool add : {false, true}) {
          SCOPED_TRACE(::testing::Message()
                       << shape.rows << "x" << shape.cols << "x" << shape.depth
                       << (a_transposed ? ", a transposed" : "")
                       << (b_transposed ? ", b transposed" : "")
                       << (add ? ", added" : ""));
          Factor a(shape.rows, shape.depth, a_transposed, ++seed);
          Factor b(shape.depth, shape.cols, b_transposed, ++seed);
          Matrix out = Matrix::Random(shape.rows, shape.cols, ++seed);
          const double scale = add ? 0.25 : 1;
          const Doubles expected =
              ProductOracle(out, a, b, shape.depth, scale, add);
          SmallProductArgs args = ArgsOf(out, a, b);
          args.scale = static_cast<float>(scale);
          args.add = add;
          SmallProductCpu(args);
          EXPECT_LE(RelativeError(out, expected), 1e-6);
          EXPECT_TRUE(out.TailsAreUntouched());
        }
      }
    }
  }
}

// What was there does not matter.
TEST_P(SmallProductTest, WritesOverWhatIsNoNumber) {
  Factor a(10, 20, false, 1);
  Factor b(20, 19, true, 2);
  Matrix out(10, 19);
  for (int64_t r = 0; r < 10; ++r) {
    for (int64_t c = 0; c < 19; ++c) {
      out.at(r, c) = std::numeric_limits<float>::quiet_NaN();
    }
  }
  const Doubles expected = ProductOracle(out, a, b, 20, 1, false);
  SmallProductCpu(ArgsOf(out, a, b));
  EXPECT_LE(RelativeError(out, expected), 1e-6);
}

TEST_P(SmallProductTest, OfNoNumbersIsZero) {
  Factor a(4, 0, false, 1);
  Factor b(0, 6, false, 2);
  Matrix out = Matrix::Random(4, 6, 3);
  SmallProductArgs args = ArgsOf(out, a, b);
  args.add = true;
  const std::vector<float> before = out.Values();
  SmallProductCpu(args);
  EXPECT_EQ(out.Values(), before);
  args.add = false;
  SmallProductCpu(args);
  EXPECT_EQ(out.Values(), std::vector<float>(24, 0.0f));
}

// So that packed rows and rows of their own train alike.
TEST_P(SmallProductTest, ARowIsTheSameWhereverItStands) {
  constexpr int64_t kRows = 21;
  Factor a(kRows, 300, false, 1);
  Factor b(300, 37, true, 2);
  Matrix out(kRows, 37);
  SmallProductCpu(ArgsOf(out, a, b));
  for (int64_t r = 0; r < kRows; ++r) {
    Matrix alone(1, 37);
    SmallProductArgs args = ArgsOf(alone, a, b);
    args.a.data += r * args.a.row_stride;
    args.a.rows = 1;
    SmallProductCpu(args);
    for (int64_t c = 0; c < 37; ++c) {
      EXPECT_EQ(alone.at(0, c), out.at(r, c)) << "row " << r;
    }
  }
}

LOCKSTEP_INSTANTIATE_KERNEL_TEST(SmallProductTest);

TEST(SmallProductPaysTest, WhereTheCopyIsSmallAndVectorsAreWide) {
  const simd::ScopedVectorLanes lanes(4);
  EXPECT_FALSE(SmallProductPays(1024, 64, 64));
}

}  // namespace
}  // namespace lockstep::testing
