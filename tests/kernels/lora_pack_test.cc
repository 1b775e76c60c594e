#include "kernels/lora_pack.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernels/matrix.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

TensorView Part(TensorView view, int64_t row, int64_t rows, int64_t col,
                int64_t cols) {
  view.data = view.FloatRow(row) + col;
  view.rows = rows;
  view.cols = cols;
  return view;
}

// The second of two adapters of a fused [10, 7] matrix: rows 6 to 9, ranks 3.
// Both places are parts of one matrix, [[W, scale * B], [A, 0]].
struct Pack {
  LoraPackArgs args() {
    return {.stacked_a_RK = Part(packed.view(), 10, 6, 0, 7),
            .scaled_b_NR = Part(packed.view(), 0, 10, 7, 6),
            .row = 6,
            .column = 2,
            .a_RK = a.view(),
            .b_NR = b.view(),
            .scale = 0.5};
  }

  Matrix packed = Matrix::Random(16, 13, 1);
  Matrix a = Matrix::Random(3, 7, 2);
  Matrix b = Matrix::Random(4, 3, 3);
};

TEST(LoraPackTest, WritesItsBlocksAndNothingElse) {
  Pack pack;
  const Matrix before = pack.packed;
  ASSERT_TRUE(LoraPack(pack.args()).ok());

  for (int64_t n = 0; n < 16; ++n) {
    for (int64_t k = 0; k < 13; ++k) {
      float expected = before.at(n, k);
      if (n >= 12 && n < 15 && k < 7) expected = pack.a.at(n - 12, k);
      if (n >= 6 && n < 10 && k >= 9 && k < 12) {
        expected = 0.5f * pack.b.at(n - 6, k - 9);
      }
      EXPECT_EQ(pack.packed.at(n, k), expected) << n << ", " << k;
    }
  }
  EXPECT_TRUE(pack.packed.TailsAreUntouched());
}

void ExpectInvalid(Pack& pack, const LoraPackArgs& args, const char* message) {
  const std::vector<float> before = pack.packed.Values();
  const absl::Status status = LoraPack(args);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr(message));
  EXPECT_EQ(pack.packed.Values(), before);
}

TEST(LoraPackTest, ErrorsSayWhatDoesNotFit) {
  Pack pack;
  LoraPackArgs args = pack.args();
  args.column = 4;
  ExpectInvalid(pack, args, "rank 3 at tail column 4");
  args = pack.args();
  args.column = -1;
  ExpectInvalid(pack, args, "tail column -1");
  args = pack.args();
  args.row = 7;
  ExpectInvalid(pack, args, "rows 7 to 11, do not fit 10 rows and a tail of 6");
  args = pack.args();
  args.row = -1;
  ExpectInvalid(pack, args, "rows -1 to 3");
  args = pack.args();
  args.a_RK.cols = 6;
  ExpectInvalid(pack, args, "lora_pack stacked_a: [6, 7]");
  args = pack.args();
  args.a_RK.stride = 6;
  ExpectInvalid(pack, args, "lora_pack a");
  args = pack.args();
  args.b_NR.cols = 4;
  ExpectInvalid(pack, args, "lora_pack b");
  args = pack.args();
  args.stacked_a_RK.rows = 5;
  ExpectInvalid(pack, args, "lora_pack stacked_a");
  args = pack.args();
  args.scaled_b_NR.stride = 5;
  ExpectInvalid(pack, args, "lora_pack scaled_b");
}

}  // namespace
}  // namespace lockstep::testing
