// Embedding, row_select and linear_bias: gathers, scatters and sums of rows.

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/embedding.h"
#include "kernels/linear_bias.h"
#include "kernels/row_select.h"
#include "tests/kernels/matrix.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

void ExpectInvalid(const absl::Status& status, const char* message) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr(message));
}

TEST(EmbeddingTest, ForwardGathersRows) {
  Matrix table = Matrix::Random(5, 19, 1), out(4, 19);
  const std::vector<int32_t> ids = {4, 0, 4, 2};
  ASSERT_TRUE(EmbeddingForward(out.view(), table.view(), ids.data()).ok());

  for (int64_t t = 0; t < 4; ++t) {
    for (int64_t i = 0; i < 19; ++i) {
      EXPECT_EQ(out.at(t, i), table.at(ids[t], i));
    }
  }
  EXPECT_TRUE(out.TailsAreUntouched());
}

TEST(EmbeddingTest, BackwardAddsInTheOrderOfTheTokens) {
  Matrix d_table(5, 19), d_out = Matrix::Random(4, 19, 1);
  d_table.at(0, 0) = 3;
  const std::vector<int32_t> ids = {4, 0, 4, 4};
  ASSERT_TRUE(EmbeddingBackward(d_table.view(), d_out.view(), ids.data()).ok());

  for (int64_t i = 0; i < 19; ++i) {
    EXPECT_EQ(d_table.at(4, i),
              (0.0f + d_out.at(0, i) + d_out.at(2, i)) + d_out.at(3, i));
    EXPECT_EQ(d_table.at(0, i), (i == 0 ? 3 : 0) + d_out.at(1, i));
    EXPECT_EQ(d_table.at(1, i), 0);
  }
  EXPECT_TRUE(d_table.TailsAreUntouched());
}

TEST(EmbeddingTest, BackwardPassesOverTokensWithoutARow) {
  Matrix d_table(5, 19), d_out = Matrix::Random(4, 19, 1);
  d_out.at(1, 3) = std::numeric_limits<float>::quiet_NaN();
  const std::vector<int32_t> ids = {4, kNoRow, 4, kNoRow};
  ASSERT_TRUE(EmbeddingBackward(d_table.view(), d_out.view(), ids.data()).ok());

  for (int64_t i = 0; i < 19; ++i) {
    EXPECT_EQ(d_table.at(4, i), d_out.at(0, i) + d_out.at(2, i));
    for (int64_t row = 0; row < 4; ++row) EXPECT_EQ(d_table.at(row, i), 0);
  }
}

TEST(EmbeddingTest, ErrorsNameTheIdAndWriteNothing) {
  Matrix table = Matrix::Random(5, 4, 1), out(2, 4), wide(2, 5);
  const std::vector<int32_t> above = {1, 5}, below = {1, -2};
  const std::vector<int32_t> none = {1, kNoRow};
  ExpectInvalid(EmbeddingForward(out.view(), table.view(), above.data()),
                "id 5 of token 1 where the vocabulary is 5");
  EXPECT_EQ(out.Values(), std::vector<float>(8, 0.0f));
  const std::vector<float> before = table.Values();
  ExpectInvalid(EmbeddingBackward(table.view(), out.view(), below.data()),
                "id -2 of token 1");
  ExpectInvalid(EmbeddingForward(out.view(), table.view(), none.data()),
                "id -1 of token 1");
  EXPECT_EQ(table.Values(), before);
  ExpectInvalid(EmbeddingForward(wide.view(), table.view(), above.data()),
                "embedding out");
  ExpectInvalid(EmbeddingBackward(table.view(), out.view(), nullptr),
                "embedding ids");
}

TEST(RowSelectTest, GatherAndScatterAreInverse) {
  Matrix all = Matrix::Random(6, 19, 1), selected(3, 19);
  Matrix back = Matrix::Random(6, 19, 2), sum = Matrix::Random(6, 19, 2);
  const Matrix before = sum;
  const std::vector<int32_t> rows = {0, 3, 4};
  ASSERT_TRUE(GatherRows(selected.view(), all.view(), rows.data()).ok());
  ASSERT_TRUE(ScatterRows(back.view(), selected.view(), rows.data()).ok());
  ASSERT_TRUE(ScatterAddRows(sum.view(), selected.view(), rows.data()).ok());

  for (int64_t t = 0; t < 6; ++t) {
    const bool is_selected = t == 0 || t == 3 || t == 4;
    for (int64_t i = 0; i < 19; ++i) {
      const float value = is_selected ? all.at(t, i) : 0;
      EXPECT_EQ(back.at(t, i), value);
      EXPECT_EQ(sum.at(t, i), before.at(t, i) + value);
    }
  }
  for (const Matrix* matrix : {&selected, &back, &sum}) {
    EXPECT_TRUE(matrix->TailsAreUntouched());
  }
}

TEST(RowSelectTest, NoRowsAreAllowed) {
  Matrix all = Matrix::Random(2, 4, 1), none(0, 4);
  ASSERT_TRUE(GatherRows(none.view(), all.view(), nullptr).ok());
  ASSERT_TRUE(ScatterRows(all.view(), none.view(), nullptr).ok());
  EXPECT_EQ(all.Values(), std::vector<float>(8, 0.0f));
}

TEST(RowSelectTest, ErrorsNameTheRowAndWriteNothing) {
  Matrix all = Matrix::Random(6, 4, 1), selected(3, 4), narrow(3, 3);
  const std::vector<float> before = all.Values();
  const std::vector<int32_t> twice = {0, 3, 3}, above = {0, 1, 6};
  const std::vector<int32_t> below = {-1, 1, 2};
  ExpectInvalid(GatherRows(selected.view(), all.view(), twice.data()),
                "row 3 at place 2; rows must ascend within [0, 6)");
  EXPECT_EQ(selected.Values(), std::vector<float>(12, 0.0f));
  ExpectInvalid(ScatterRows(all.view(), selected.view(), above.data()),
                "row 6 at place 2");
  ExpectInvalid(ScatterAddRows(all.view(), selected.view(), below.data()),
                "row -1 at place 0");
  ExpectInvalid(GatherRows(narrow.view(), all.view(), above.data()),
                "row_select selected rows");
  ExpectInvalid(ScatterRows(all.view(), selected.view(), nullptr),
                "row_select row numbers");
  EXPECT_EQ(all.Values(), before);
}

TEST(LinearBiasTest, ForwardAddsAndBackwardSums) {
  Matrix inout = Matrix::Random(5, 19, 1), bias = Matrix::Random(1, 19, 2);
  Matrix d_bias(1, 19);
  const Matrix before = inout;
  ASSERT_TRUE(LinearBiasForward(inout.view(), bias.view()).ok());
  ASSERT_TRUE(LinearBiasBackward(d_bias.data(), inout.view()).ok());

  for (int64_t i = 0; i < 19; ++i) {
    float sum = 0;
    for (int64_t t = 0; t < 5; ++t) {
      EXPECT_EQ(inout.at(t, i), before.at(t, i) + bias.at(0, i));
      sum += inout.at(t, i);
    }
    EXPECT_EQ(d_bias.at(0, i), sum);
  }
  EXPECT_TRUE(inout.TailsAreUntouched());
}

TEST(LinearBiasTest, ErrorsNameTheTensor) {
  Matrix inout(5, 4), bias(1, 3);
  ExpectInvalid(LinearBiasForward(inout.view(), bias.view()),
                "linear_bias bias: [1, 3]");
  ExpectInvalid(LinearBiasBackward(nullptr, inout.view()),
                "linear_bias d_bias");
}

}  // namespace
}  // namespace lockstep::testing
