// The kernels that move whole rows, and the packing of adapters.

#include "gtest/gtest.h"
#include "kernels/embedding.h"
#include "kernels/lora_pack.h"
#include "kernels/row_select.h"
#include "tests/kernels/cuda/cuda_kernel_test.h"

namespace lockstep::testing {
namespace {

class RowSelectCudaTest : public CudaKernelTest {
 protected:
  // About two in three of `rows()` rows, or all, or none.
  std::vector<std::vector<int32_t>> Selections() const {
    std::vector<int32_t> some, all;
    for (int32_t row = 0; row < rows(); ++row) {
      all.push_back(row);
      if (row * 7919 % 3 != 1) some.push_back(row);
    }
    return {some, all, {}};
  }
};

TEST_P(RowSelectCudaTest, GatherIsTheCpu) {
  for (const std::vector<int32_t>& selected : Selections()) {
    const auto count = static_cast<int64_t>(selected.size());
    Matrix all = Random(1), out(count, cols());
    ASSERT_TRUE(GatherRows(out.view(), all.view(), selected.data()).ok());
    const DeviceMatrix g_all = OnDevice(all), g_out = Output(count, cols());
    const DeviceArray<int32_t> g_rows(selected);

    ASSERT_TRUE(GatherRows(g_out.view(), g_all.view(), g_rows.data()).ok());

    EXPECT_EQ(g_out.Download().Values(), out.Values());
  }
}

TEST_P(RowSelectCudaTest, ScatterIsTheCpu) {
  for (const std::vector<int32_t>& selected : Selections()) {
    const auto count = static_cast<int64_t>(selected.size());
    Matrix in = Random(count, cols(), 2), out(rows(), cols());
    ASSERT_TRUE(ScatterRows(out.view(), in.view(), selected.data()).ok());
    const DeviceMatrix g_in = OnDevice(in), g_out = Output();
    const DeviceArray<int32_t> g_rows(selected);

    ASSERT_TRUE(ScatterRows(g_out.view(), g_in.view(), g_rows.data()).ok());

    EXPECT_EQ(g_out.Download().Values(), out.Values());
  }
}

TEST_P(RowSelectCudaTest, ScatterAddIsTheCpuRounded) {
  for (const std::vector<int32_t>& selected : Selections()) {
    const auto count = static_cast<int64_t>(selected.size());
    Matrix in = Random(count, cols(), 3), out = Random(4);
    const DeviceMatrix g_in = OnDevice(in), g_out = OnDevice(out);
    const DeviceArray<int32_t> g_rows(selected);
    ASSERT_TRUE(ScatterAddRows(out.view(), in.view(), selected.data()).ok());

    ASSERT_TRUE(ScatterAddRows(g_out.view(), g_in.view(), g_rows.data()).ok());

    EXPECT_EQ(g_out.Download().Values(), Rounded(out, dtype()).Values());
  }
}

LOCKSTEP_INSTANTIATE_CUDA_TEST(RowSelectCudaTest);

// Of so many that a block searches the list more than twice.
TEST(RowSelectManyRowsCudaTest, ScatterIsTheCpu) {
  constexpr int32_t kRows = 150'001;
  std::vector<int32_t> thirds, stretch, but_one;
  for (int32_t row = 0; row < kRows; ++row) {
    if (row % 3 == 1) thirds.push_back(row);
    if (row > 70'000 && row < 140'000) stretch.push_back(row);
    if (row != 77'777) but_one.push_back(row);
  }
  using Rows = std::vector<int32_t>;
  for (const Rows& selected : {thirds, stretch, but_one, Rows{0},
                               Rows{kRows - 1}, Rows{5, kRows - 2}}) {
    const auto count = static_cast<int64_t>(selected.size());
    Matrix in = Rounded(Matrix::Random(count, 8, 2), DType::kBFloat16);
    Matrix out(kRows, 8);
    ASSERT_TRUE(ScatterRows(out.view(), in.view(), selected.data()).ok());
    const DeviceMatrix g_in(in, DType::kBFloat16, 0);
    const DeviceMatrix g_out =
        DeviceMatrix::Poisoned(kRows, 8, DType::kBFloat16, 8);
    const DeviceArray<int32_t> g_rows(selected);

    ASSERT_TRUE(ScatterRows(g_out.view(), g_in.view(), g_rows.data()).ok());

    EXPECT_EQ(g_out.Download().Values(), out.Values());
  }
}

class EmbeddingCudaTest : public CudaKernelTest {
 protected:
  static constexpr int64_t kVocabulary = 19;

  // Some ids many times, some never.
  std::vector<int32_t> Ids() const {
    std::vector<int32_t> ids;
    for (int64_t t = 0; t < rows(); ++t) {
      ids.push_back(
          static_cast<int32_t>(t % 3 == 0 ? 5 : t * t % (kVocabulary - 2)));
    }
    return ids;
  }
};

TEST_P(EmbeddingCudaTest, ForwardIsTheCpu) {
  Matrix table = Random(kVocabulary, cols(), 1), out(rows(), cols());
  const std::vector<int32_t> ids = Ids();
  ASSERT_TRUE(EmbeddingForward(out.view(), table.view(), ids.data()).ok());
  const DeviceMatrix g_table = OnDevice(table), g_out = Output();
  const DeviceArray<int32_t> g_ids(ids);

  ASSERT_TRUE(
      EmbeddingForward(g_out.view(), g_table.view(), g_ids.data()).ok());

  EXPECT_EQ(g_out.Download().Values(), out.Values());
}

TEST_P(EmbeddingCudaTest, BackwardIsTheCpuBitByBit) {
  Matrix d_table = Matrix::Random(kVocabulary, cols(), 2), d_out = Random(3);
  const std::vector<int32_t> ids = Ids();
  const DeviceMatrix g_d_table(d_table, DType::kFloat32, tail());
  const DeviceMatrix g_d_out = OnDevice(d_out);
  const DeviceArray<int32_t> g_ids(ids);
  ASSERT_TRUE(EmbeddingBackward(d_table.view(), d_out.view(), ids.data()).ok());

  ASSERT_TRUE(
      EmbeddingBackward(g_d_table.view(), g_d_out.view(), g_ids.data()).ok());

  EXPECT_EQ(g_d_table.Download().Values(), d_table.Values());
}

TEST_P(EmbeddingCudaTest, BackwardPassesOverTokensWithoutARow) {
  Matrix d_table = Matrix::Random(kVocabulary, cols(), 2), d_out = Random(3);
  std::vector<int32_t> ids = Ids();
  for (size_t t = 0; t < ids.size(); ++t) {
    if (t % 5 == 0 || 2 * t > ids.size()) ids[t] = kNoRow;
  }
  const DeviceMatrix g_d_table(d_table, DType::kFloat32, tail());
  const DeviceMatrix g_d_out = OnDevice(d_out);
  const DeviceArray<int32_t> g_ids(ids);
  ASSERT_TRUE(EmbeddingBackward(d_table.view(), d_out.view(), ids.data()).ok());

  ASSERT_TRUE(
      EmbeddingBackward(g_d_table.view(), g_d_out.view(), g_ids.data()).ok());

  EXPECT_EQ(g_d_table.Download().Values(), d_table.Values());
}

LOCKSTEP_INSTANTIATE_CUDA_TEST(EmbeddingCudaTest);

// More than a launch deals with.
class EmbeddingManyTokensCudaTest : public ::testing::TestWithParam<DType> {
 protected:
  static constexpr int32_t kTokens = 20'011;
  static constexpr int64_t kCols = 40;

  // `id(t)` of each token.
  template <typename Id>
  static std::vector<int32_t> Ids(const Id& id) {
    std::vector<int32_t> ids;
    for (int32_t t = 0; t < kTokens; ++t) ids.push_back(id(t));
    return ids;
  }
};

TEST_P(EmbeddingManyTokensCudaTest, BackwardIsTheCpuBitByBit) {
  const Matrix before = Matrix::Random(kTokens, kCols, 1);
  Matrix d_out = Rounded(Matrix::Random(kTokens, kCols, 2), GetParam());
  const DeviceMatrix g_d_out(d_out, GetParam(), 8);
  for (const std::vector<int32_t>& ids :
       {Ids([](int32_t) { return 7; }), Ids([](int32_t) { return kNoRow; }),
        Ids([](int32_t t) { return kTokens - 1 - t; }),
        Ids([](int32_t t) { return t / 2; }),
        // As far from each other as tokens of a launch are, and of two.
        Ids([](int32_t t) { return t % 8191; }),
        Ids([](int32_t t) { return t % 3 == 0 ? t % 30 : t * 7 % kTokens; }),
        Ids([](int32_t t) { return t % 5 == 0 ? kNoRow : t % 1000; })}) {
    Matrix d_table = before;
    ASSERT_TRUE(
        EmbeddingBackward(d_table.view(), d_out.view(), ids.data()).ok());
    const DeviceArray<int32_t> g_ids(ids);
    for (int run = 0; run < 2; ++run) {
      const DeviceMatrix g_d_table(before, DType::kFloat32, 4);

      ASSERT_TRUE(
          EmbeddingBackward(g_d_table.view(), g_d_out.view(), g_ids.data())
              .ok());

      EXPECT_EQ(g_d_table.Download().Values(), d_table.Values());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(DTypes, EmbeddingManyTokensCudaTest,
                         ::testing::Values(DType::kFloat32, DType::kBFloat16));

class LoraPackCudaTest : public CudaKernelTest {};

TEST_P(LoraPackCudaTest, IsTheCpuRoundedAndLeavesTheRest) {
  constexpr int64_t kRank = 5, kAll = 12;
  Matrix stacked_a = Random(kAll, cols(), 1);
  Matrix scaled_b = Random(rows() + 4, kAll, 4);
  Matrix a = Matrix::Random(kRank, cols(), 2);
  Matrix b = Matrix::Random(rows(), kRank, 3);
  const DeviceMatrix g_stacked_a = OnDevice(stacked_a);
  const DeviceMatrix g_scaled_b = OnDevice(scaled_b);
  const DeviceMatrix g_a(a, DType::kFloat32, tail());
  const DeviceMatrix g_b(b, DType::kFloat32, tail());
  LoraPackArgs args = {.stacked_a_RK = stacked_a.view(),
                       .scaled_b_NR = scaled_b.view(),
                       .row = 3,
                       .column = 6,
                       .a_RK = a.view(),
                       .b_NR = b.view(),
                       .scale = 1.7};
  ASSERT_TRUE(LoraPack(args).ok());
  args.stacked_a_RK = g_stacked_a.view();
  args.scaled_b_NR = g_scaled_b.view();
  args.a_RK = g_a.view();
  args.b_NR = g_b.view();

  ASSERT_TRUE(LoraPack(args).ok());

  EXPECT_EQ(g_stacked_a.Download().Values(),
            Rounded(stacked_a, dtype()).Values());
  EXPECT_EQ(g_scaled_b.Download().Values(),
            Rounded(scaled_b, dtype()).Values());
}

LOCKSTEP_INSTANTIATE_CUDA_TEST(LoraPackCudaTest);

}  // namespace
}  // namespace lockstep::testing
