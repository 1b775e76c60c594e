#include "kernels/rotary_embedding.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernels/matrix.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

struct Rotary {
  explicit Rotary(int64_t head_dim)
      : layout{.query_heads = 3, .kv_heads = 1, .head_dim = head_dim},
        qkv(Matrix::Random(6, layout.cols(), 1)),
        cos(Matrix::Random(4, head_dim / 2, 2, 1, /*tail=*/0)),
        sin(Matrix::Random(4, head_dim / 2, 3, 1, /*tail=*/0)) {}
  RotaryEmbeddingArgs args() {
    return {.qkv_TN = qkv.view(),
            .positions_T = positions.data(),
            .cos_PD = cos.data(),
            .sin_PD = sin.data(),
            .table_positions = 4,
            .layout = layout};
  }

  QkvLayout layout;
  std::vector<int32_t> positions = {0, 1, 2, 3, 0, 1};
  Matrix qkv, cos, sin;
};

// The rotation as a matrix: x' = [[cos, -sin], [sin, cos]] x, or its transpose.
Doubles Oracle(const Rotary& rotary, const Doubles& qkv_TN, bool transposed) {
  Doubles out = qkv_TN;
  const int64_t half = rotary.layout.head_dim / 2;
  const int64_t heads = rotary.layout.query_heads + rotary.layout.kv_heads;
  for (int64_t t = 0; t < qkv_TN.rows; ++t) {
    for (int64_t h = 0; h < heads; ++h) {
      for (int64_t i = 0; i < half; ++i) {
        const int64_t first = 2 * half * h + i, second = first + half;
        const double c = rotary.cos.at(rotary.positions[t], i);
        const double s =
            rotary.sin.at(rotary.positions[t], i) * (transposed ? -1 : 1);
        out.at(t, first) = c * qkv_TN.at(t, first) - s * qkv_TN.at(t, second);
        out.at(t, second) = s * qkv_TN.at(t, first) + c * qkv_TN.at(t, second);
      }
    }
  }
  return out;
}

class RotaryEmbeddingTest : public KernelTest {};
LOCKSTEP_INSTANTIATE_KERNEL_TEST(RotaryEmbeddingTest);

TEST_P(RotaryEmbeddingTest, EqualsTheOracleInBothDirections) {
  for (const int64_t head_dim : {2, 8, 10, 64}) {
    SCOPED_TRACE(head_dim);
    Rotary forward(head_dim), backward(head_dim);
    const Doubles before = forward.qkv.ToDoubles();
    ASSERT_TRUE(RotaryEmbeddingForward(forward.args()).ok());
    ASSERT_TRUE(RotaryEmbeddingBackward(backward.args()).ok());

    EXPECT_LT(RelativeError(forward.qkv, Oracle(forward, before, false)), 1e-7);
    EXPECT_LT(RelativeError(backward.qkv, Oracle(forward, before, true)), 1e-7);
    EXPECT_TRUE(forward.qkv.TailsAreUntouched());
  }
}

TEST(RotaryEmbeddingOracleTest, BackwardEqualsFiniteDifferences) {
  Rotary rotary(4);
  const Doubles in = rotary.qkv.ToDoubles();
  const Doubles d_out = Matrix::Random(6, rotary.layout.cols(), 9).ToDoubles();

  const Doubles expected = FiniteDifferences(in, [&](const Doubles& moved) {
    return Dot(Oracle(rotary, moved, false), d_out);
  });

  EXPECT_LT(RelativeError(Oracle(rotary, d_out, true), expected), 1e-8);
}

TEST(RotaryEmbeddingErrorsTest, NameWhatIsWrongAndWriteNothing) {
  Rotary rotary(8);
  const std::vector<float> before = rotary.qkv.Values();
  const auto expect = [](const absl::Status& status, const char* message) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(message));
  };
  rotary.positions[4] = 4;
  expect(RotaryEmbeddingForward(rotary.args()),
         "position 4 of token 4 where the table has 4 positions");
  rotary.positions[4] = -1;
  expect(RotaryEmbeddingBackward(rotary.args()), "position -1 of token 4");
  rotary.positions[4] = 0;
  RotaryEmbeddingArgs args = rotary.args();
  args.layout.head_dim = 7;
  expect(RotaryEmbeddingForward(args), "head_dim 7");
  args = rotary.args();
  args.layout.kv_heads = 2;
  expect(RotaryEmbeddingForward(args), "rotary_embedding: 3 query heads");
  args = rotary.args();
  args.qkv_TN.cols -= 1;
  expect(RotaryEmbeddingForward(args), "rotary_embedding qkv");
  args = rotary.args();
  args.positions_T = nullptr;
  expect(RotaryEmbeddingForward(args), "rotary_embedding positions");
  args = rotary.args();
  args.cos_PD = nullptr;
  expect(RotaryEmbeddingForward(args), "rotary_embedding cos");
  args = rotary.args();
  args.sin_PD = nullptr;
  expect(RotaryEmbeddingForward(args), "rotary_embedding sin");
  EXPECT_EQ(rotary.qkv.Values(), before);
}

}  // namespace
}  // namespace lockstep::testing
