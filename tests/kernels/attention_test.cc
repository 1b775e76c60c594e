#include "kernels/attention.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernels/attention_oracle.h"
#include "tests/kernels/matrix.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

// Everything one forward and backward pass reads and writes.
struct Attention {
  explicit Attention(AttentionCase which, uint64_t seed = 1, float range = 2)
      : c(std::move(which)),
        qkv(Matrix::Random(c.tokens, c.layout.cols(), seed, range)),
        out(Matrix::Random(c.tokens, c.layout.query_cols(), 3)),
        log_sum(Matrix::Random(c.layout.query_heads, c.tokens, 4)),
        d_out(Matrix::Random(c.tokens, c.layout.query_cols(), seed + 1)),
        d_qkv(Matrix::Random(c.tokens, c.layout.cols(), 5)) {}

  PackedDocuments documents() const {
    int32_t longest = 0;
    for (size_t n = 0; n + 1 < c.cu_seqlens.size(); ++n) {
      longest = std::max(longest, c.cu_seqlens[n + 1] - c.cu_seqlens[n]);
    }
    return {.cu_seqlens = c.cu_seqlens.data(),
            .count = static_cast<int64_t>(c.cu_seqlens.size()) - 1,
            .max_length = longest};
  }
  AttentionForwardArgs forward() {
    return {.out_TQ = out.view(),
            .log_sum_HT = log_sum.view(),
            .qkv_TN = qkv.view(),
            .documents = documents(),
            .layout = c.layout};
  }
  AttentionBackwardArgs backward() {
    return {.d_qkv_TN = d_qkv.view(),
            .d_out_TQ = d_out.view(),
            .out_TQ = out.view(),
            .log_sum_HT = log_sum.view(),
            .qkv_TN = qkv.view(),
            .documents = documents(),
            .layout = c.layout};
  }
  void Run() {
    ASSERT_TRUE(AttentionForward(forward()).ok());
    ASSERT_TRUE(AttentionBackward(backward()).ok());
  }

  AttentionCase c;
  Matrix qkv, out, log_sum, d_out, d_qkv;
};

// Lengths below, at and above the blocks; empty documents; padding behind.
std::vector<AttentionCase> Cases() {
  return {
      {{.query_heads = 8, .kv_heads = 4, .head_dim = 8},
       {0, 0, 1, 17, 17, 50, 83, 115, 115},
       120},
      {{.query_heads = 3, .kv_heads = 1, .head_dim = 16}, {0, 37, 101}, 101},
      {{.query_heads = 2, .kv_heads = 2, .head_dim = 10}, {0, 33, 48}, 51},
      {{.query_heads = 4, .kv_heads = 2, .head_dim = 24}, {0, 41, 48, 97}, 99},
      {{.query_heads = 4, .kv_heads = 2, .head_dim = 64}, {0, 65, 70}, 71},
      {{.query_heads = 2, .kv_heads = 1, .head_dim = 128}, {0, 40}, 40},
      {{.query_heads = 1, .kv_heads = 1, .head_dim = 256}, {0, 19}, 19},
      {{.query_heads = 1, .kv_heads = 1, .head_dim = 2}, {0, 9}, 9},
  };
}

class AttentionTest : public KernelTest {};
LOCKSTEP_INSTANTIATE_KERNEL_TEST(AttentionTest);

TEST_P(AttentionTest, EqualsTheOracleInBothDirections) {
  for (const AttentionCase& c : Cases()) {
    SCOPED_TRACE(c.layout.head_dim);
    Attention a(c);
    a.Run();

    const AttentionResult expected = AttentionOracle(c, a.qkv.ToDoubles());
    EXPECT_LT(RelativeError(a.out, expected.out_TQ), 1e-6);
    EXPECT_LT(RelativeError(a.log_sum, expected.log_sum_HT), 1e-6);
    EXPECT_LT(
        RelativeError(a.d_qkv, AttentionGradientOracle(c, a.qkv.ToDoubles(),
                                                       a.d_out.ToDoubles())),
        2e-6);
    for (const Matrix* matrix : {&a.qkv, &a.out, &a.log_sum, &a.d_qkv}) {
      EXPECT_TRUE(matrix->TailsAreUntouched());
    }
  }
}

TEST(AttentionOracleTest, GradientEqualsFiniteDifferences) {
  const AttentionCase c = {
      {.query_heads = 4, .kv_heads = 2, .head_dim = 4}, {0, 0, 5, 7}, 8};
  const Doubles qkv = Matrix::Random(8, c.layout.cols(), 1).ToDoubles();
  const Doubles d_out = Matrix::Random(8, 16, 2).ToDoubles();

  const Doubles expected = FiniteDifferences(qkv, [&](const Doubles& moved) {
    return Dot(AttentionOracle(c, moved).out_TQ, d_out);
  });

  EXPECT_LT(RelativeError(AttentionGradientOracle(c, qkv, d_out), expected),
            1e-8);
}

TEST_P(AttentionTest, SurvivesScoresOfThousands) {
  Attention a(Cases()[0], /*seed=*/1, /*range=*/60);
  a.Run();

  const AttentionResult expected = AttentionOracle(a.c, a.qkv.ToDoubles());
  EXPECT_LT(RelativeError(a.out, expected.out_TQ), 1e-4);
  for (const float value : a.d_qkv.Values()) ASSERT_TRUE(std::isfinite(value));
}

// 2^-log_sum overflows, also for what fills up the last tile.
TEST_P(AttentionTest, SurvivesASumThatUnderflows) {
  Attention a({Cases()[0].layout, {0, 9}, 9});
  for (int64_t t = 0; t < 9; ++t) {
    for (int64_t i = 0; i < a.c.layout.value_begin(); ++i) {
      a.qkv.at(t, i) = i < a.c.layout.key_begin() ? 30.0f : -30.0f;
    }
  }
  a.Run();

  EXPECT_LT(a.log_sum.at(0, 8), -2000);
  EXPECT_LT(
      RelativeError(a.d_qkv, AttentionGradientOracle(a.c, a.qkv.ToDoubles(),
                                                     a.d_out.ToDoubles())),
      1e-3);
}

TEST_P(AttentionTest, PackedEqualsEachDocumentAloneBitByBit) {
  Attention packed(Cases()[0]);
  packed.Run();

  const std::vector<int32_t> starts = packed.c.cu_seqlens;
  for (size_t n = 0; n + 1 < starts.size(); ++n) {
    const int32_t begin = starts[n], length = starts[n + 1] - begin;
    Attention alone({packed.c.layout, {0, length}, length});
    for (int32_t t = 0; t < length; ++t) {
      for (int64_t i = 0; i < packed.c.layout.cols(); ++i) {
        alone.qkv.at(t, i) = packed.qkv.at(begin + t, i);
      }
      for (int64_t i = 0; i < packed.c.layout.query_cols(); ++i) {
        alone.d_out.at(t, i) = packed.d_out.at(begin + t, i);
      }
    }
    alone.Run();
    for (int32_t t = 0; t < length; ++t) {
      for (int64_t i = 0; i < packed.c.layout.cols(); ++i) {
        ASSERT_EQ(alone.d_qkv.at(t, i), packed.d_qkv.at(begin + t, i));
      }
      for (int64_t i = 0; i < packed.c.layout.query_cols(); ++i) {
        ASSERT_EQ(alone.out.at(t, i), packed.out.at(begin + t, i));
      }
    }
  }
}

TEST_P(AttentionTest, PaddingRowsAreZero) {
  Attention a(Cases()[0]);
  a.Run();

  for (int64_t t = a.c.cu_seqlens.back(); t < a.c.tokens; ++t) {
    for (int64_t i = 0; i < a.c.layout.query_cols(); ++i) {
      EXPECT_EQ(a.out.at(t, i), 0);
    }
    for (int64_t i = 0; i < a.c.layout.cols(); ++i) {
      EXPECT_EQ(a.d_qkv.at(t, i), 0);
    }
  }
}

TEST_P(AttentionTest, AFutureTokenChangesNothingBeforeIt) {
  Attention before({Cases()[1].layout, {0, 40}, 40});
  Attention after({Cases()[1].layout, {0, 40}, 40});
  for (int64_t i = 0; i < after.c.layout.cols(); ++i) after.qkv.at(39, i) += 5;
  ASSERT_TRUE(AttentionForward(before.forward()).ok());
  ASSERT_TRUE(AttentionForward(after.forward()).ok());

  for (int64_t t = 0; t < 39; ++t) {
    for (int64_t i = 0; i < after.c.layout.query_cols(); ++i) {
      ASSERT_EQ(before.out.at(t, i), after.out.at(t, i));
    }
  }
}

TEST_P(AttentionTest, ANanReachesTheOutput) {
  Attention a(Cases()[1]);
  a.qkv.at(3, 0) = std::numeric_limits<float>::quiet_NaN();
  a.Run();

  EXPECT_TRUE(std::isnan(a.out.at(3, 0)));
  EXPECT_TRUE(std::isnan(a.d_qkv.at(3, a.c.layout.key_begin())));
}

void ExpectInvalid(Attention& a, const AttentionForwardArgs& args,
                   const char* message) {
  const std::vector<float> before = a.out.Values();
  const absl::Status status = AttentionForward(args);

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr(message));
  EXPECT_EQ(a.out.Values(), before);
}

TEST(AttentionErrorsTest, NameWhatIsWrong) {
  Attention a(Cases()[0]);
  AttentionForwardArgs args = a.forward();
  args.qkv_TN.cols -= 8;
  ExpectInvalid(a, args, "attention qkv: [120, 120] with stride 131");
  args = a.forward();
  args.out_TQ.rows = 119;
  ExpectInvalid(a, args, "attention out");
  args = a.forward();
  args.log_sum_HT.data = nullptr;
  ExpectInvalid(a, args, "attention log_sum");
  args = a.forward();
  args.layout.kv_heads = 3;
  ExpectInvalid(a, args, "8 query heads, 3 key and value heads");
  args = a.forward();
  args.layout = {.query_heads = 1, .kv_heads = 1, .head_dim = 258};
  ExpectInvalid(a, args, "head_dim 258 where at most 256");
  args = a.forward();
  args.documents.cu_seqlens = nullptr;
  ExpectInvalid(a, args, "attention cu_seqlens");
  args = a.forward();
  args.documents.count = -1;
  ExpectInvalid(a, args, "-1 documents");
}

TEST(AttentionErrorsTest, NameTheDocumentThatIsNone) {
  Attention a(Cases()[0]);
  AttentionForwardArgs args = a.forward();
  const auto expect = [&](std::vector<int32_t> starts, const char* message) {
    args.documents = {.cu_seqlens = starts.data(),
                      .count = static_cast<int64_t>(starts.size()) - 1,
                      .max_length = 100};
    ExpectInvalid(a, args, message);
  };
  expect({1, 5}, "cu_seqlens[0] is 1");
  expect({0, 5, 4}, "document 1 is rows [5, 4)");
  expect({0, 60, 121}, "document 1 is rows [60, 121) of 120");
  expect({0, 101}, "max_length is 100");
}

TEST(AttentionErrorsTest, BackwardChecksItsShapesToo) {
  Attention a(Cases()[0]);
  const std::vector<float> before = a.d_qkv.Values();
  AttentionBackwardArgs args = a.backward();
  args.d_qkv_TN.cols = 4;
  EXPECT_THAT(AttentionBackward(args).message(), HasSubstr("attention d_qkv"));
  args = a.backward();
  args.d_out_TQ.rows = 4;
  EXPECT_THAT(AttentionBackward(args).message(), HasSubstr("attention d_out"));
  args = a.backward();
  args.documents.max_length = 1;
  EXPECT_THAT(AttentionBackward(args).message(), HasSubstr("max_length is 1"));
  EXPECT_EQ(a.d_qkv.Values(), before);
}

TEST(AttentionErrorsTest, OtherDevicesAndTypesAreUnimplementedHere) {
  Attention a(Cases()[0]);
  AttentionForwardArgs args = a.forward();
  args.out_TQ.dtype = DType::kBFloat16;
  EXPECT_THAT(AttentionForward(args).message(), HasSubstr("bfloat16"));
  args = a.forward();
  args.qkv_TN.device = Device::kCuda;
  const absl::Status status = AttentionForward(args);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(status.message(), HasSubstr("no CUDA kernels"));
}

}  // namespace
}  // namespace lockstep::testing
