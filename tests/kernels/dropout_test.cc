#include "kernels/dropout.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/philox.h"
#include "tests/kernels/matrix.h"

namespace lockstep::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// From Random123's kat_vectors.
TEST(PhiloxTest, GivesThePublishedWords) {
  EXPECT_THAT(Philox4x32(0, 0, 0),
              ElementsAre(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
  constexpr uint64_t kOnes = ~uint64_t{0};
  EXPECT_THAT(Philox4x32(kOnes, kOnes, kOnes),
              ElementsAre(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
  EXPECT_THAT(
      Philox4x32(0x85a308d3243f6a88, 0x0370734413198a2e, 0x299f31d0a4093822),
      ElementsAre(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1));
}

std::vector<float> DropOnes(int64_t rows, int64_t cols, const DropoutMask& mask,
                            int64_t tail = Matrix::kTail) {
  Matrix matrix(rows, cols, tail);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) matrix.at(r, c) = 1;
  }
  EXPECT_TRUE(Dropout(matrix.view(), matrix.view(), mask).ok());
  EXPECT_TRUE(matrix.TailsAreUntouched());
  return matrix.Values();
}

TEST(DropoutTest, FollowsTheHeadersCounter) {
  const DropoutMask mask = {.seed = 77, .offset = 5, .p = 0.3};
  const std::vector<float> values = DropOnes(3, 10, mask);

  for (int64_t row = 0; row < 3; ++row) {
    for (int64_t col = 0; col < 10; ++col) {
      const double u = Philox4x32(row * 3 + col / 4, 5, 77)[col % 4] * 0x1p-32;
      EXPECT_EQ(values[row * 10 + col], u >= 0.3 ? 1 / 0.7f : 0.0f);
    }
  }
}

TEST(DropoutTest, ZeroesAFractionPAndKeepsTheMean) {
  const std::vector<float> values =
      DropOnes(300, 333, {.seed = 1, .offset = 2, .p = 0.1});
  double zeros = 0, sum = 0;
  for (const float value : values) {
    zeros += value == 0 ? 1 : 0;
    sum += value;
  }
  const auto count = static_cast<double>(values.size());
  // Five standard deviations.
  EXPECT_NEAR(zeros / count, 0.1, 5 * std::sqrt(0.1 * 0.9 / count));
  EXPECT_NEAR(sum / count, 1, 0.006);
}

TEST(DropoutTest, IsTheSameAgainAndForEveryStride) {
  const DropoutMask mask = {.seed = 1, .offset = 2, .p = 0.5};
  EXPECT_EQ(DropOnes(7, 13, mask), DropOnes(7, 13, mask));
  EXPECT_EQ(DropOnes(7, 13, mask, /*tail=*/0),
            DropOnes(7, 13, mask, /*tail=*/51));
}

TEST(DropoutTest, DiffersBySeedAndOffset) {
  const auto first = DropOnes(7, 13, {.seed = 1, .offset = 2, .p = 0.5});
  EXPECT_NE(first, DropOnes(7, 13, {.seed = 2, .offset = 2, .p = 0.5}));
  EXPECT_NE(first, DropOnes(7, 13, {.seed = 1, .offset = 3, .p = 0.5}));
}

TEST(DropoutTest, ANaughtPDropsNothing) {
  Matrix in = Matrix::Random(3, 9, 1), out(3, 9);
  ASSERT_TRUE(Dropout(out.view(), in.view(), {.seed = 1}).ok());
  EXPECT_EQ(out.Values(), in.Values());
}

TEST(DropoutErrorsTest, NameThePAndTheTensor) {
  Matrix in = Matrix::Random(3, 9, 1), out(3, 9), narrow(3, 8);
  for (const double p : {1.0, -0.1, std::nan("")}) {
    const absl::Status status = Dropout(out.view(), in.view(), {.p = p});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("it must be in [0, 1)"));
  }
  EXPECT_THAT(Dropout(narrow.view(), in.view(), {}).message(),
              HasSubstr("dropout out"));
  EXPECT_EQ(out.Values(), std::vector<float>(27, 0.0f));
}

}  // namespace
}  // namespace lockstep::testing
