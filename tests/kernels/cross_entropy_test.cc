#include "kernels/cross_entropy.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernels/matrix.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

struct Loss {
  explicit Loss(int64_t cols, float range = 4)
      : logits(Matrix::Random(4, cols, 1, range)),
        labels{0, static_cast<int32_t>(cols - 1),
               static_cast<int32_t>(cols / 2), 0} {}
  CrossEntropyArgs args() {
    return {.loss_R = loss.data(),
            .correct = &correct,
            .logits_RV = logits.view(),
            .labels_R = labels.data(),
            .scale = 0.25};
  }

  Matrix logits;
  std::vector<int32_t> labels;
  std::vector<float> loss = std::vector<float>(4, -1.0f);
  int64_t correct = 0;
};

double LogSum(const Doubles& logits, int64_t r) {
  double most = logits.at(r, 0), sum = 0;
  for (int64_t i = 0; i < logits.cols; ++i) {
    most = std::max(most, logits.at(r, i));
  }
  for (int64_t i = 0; i < logits.cols; ++i) {
    sum += std::exp(logits.at(r, i) - most);
  }
  return most + std::log(sum);
}

std::vector<double> Oracle(const Doubles& logits,
                           const std::vector<int32_t>& labels) {
  std::vector<double> loss;
  for (int64_t r = 0; r < logits.rows; ++r) {
    loss.push_back(LogSum(logits, r) - logits.at(r, labels[r]));
  }
  return loss;
}

Doubles GradientOracle(const Doubles& logits,
                       const std::vector<int32_t>& labels, double scale) {
  Doubles gradient(logits.rows, logits.cols);
  for (int64_t r = 0; r < logits.rows; ++r) {
    const double log_sum = LogSum(logits, r);
    for (int64_t i = 0; i < logits.cols; ++i) {
      gradient.at(r, i) = scale * (std::exp(logits.at(r, i) - log_sum) -
                                   (i == labels[r] ? 1 : 0));
    }
  }
  return gradient;
}

class CrossEntropyTest : public KernelTest {};
LOCKSTEP_INSTANTIATE_KERNEL_TEST(CrossEntropyTest);

TEST_P(CrossEntropyTest, EqualsTheOracleInBothDirections) {
  for (const int64_t cols : {1, 2, 17, 512, 2500}) {
    SCOPED_TRACE(cols);
    Loss loss(cols);
    const Doubles before = loss.logits.ToDoubles();
    const std::vector<double> expected = Oracle(before, loss.labels);
    ASSERT_TRUE(CrossEntropyForward(loss.args()).ok());
    EXPECT_LT(RelativeError(loss.loss, expected), 1e-6);
    EXPECT_EQ(loss.logits.ToDoubles().values, before.values);

    loss.loss.assign(4, -1.0f);
    ASSERT_TRUE(CrossEntropyForwardBackward(loss.args()).ok());
    EXPECT_LT(RelativeError(loss.loss, expected), 1e-6);
    EXPECT_LT(
        RelativeError(loss.logits, GradientOracle(before, loss.labels, 0.25)),
        1e-6);
    EXPECT_TRUE(loss.logits.TailsAreUntouched());
  }
}

TEST(CrossEntropyOracleTest, GradientEqualsFiniteDifferences) {
  const Doubles logits = Matrix::Random(2, 9, 1, 3).ToDoubles();
  const std::vector<int32_t> labels = {8, 3};

  const Doubles expected = FiniteDifferences(logits, [&](const Doubles& moved) {
    const std::vector<double> loss = Oracle(moved, labels);
    return loss[0] + loss[1];
  });

  EXPECT_LT(RelativeError(GradientOracle(logits, labels, 1), expected), 1e-8);
}

TEST_P(CrossEntropyTest, LogitsOfThousandsGiveAFiniteLoss) {
  Loss loss(37, /*range=*/5000);
  const Doubles before = loss.logits.ToDoubles();
  ASSERT_TRUE(CrossEntropyForwardBackward(loss.args()).ok());

  EXPECT_LT(RelativeError(loss.loss, Oracle(before, loss.labels)), 1e-6);
  for (const float value : loss.logits.Values()) {
    ASSERT_TRUE(std::isfinite(value));
  }
}

TEST_P(CrossEntropyTest, AVocabularyOf150ThousandLosesNothing) {
  Loss loss(150'000, /*range=*/0.01f);
  const std::vector<double> expected =
      Oracle(loss.logits.ToDoubles(), loss.labels);
  ASSERT_TRUE(CrossEntropyForward(loss.args()).ok());
  EXPECT_LT(RelativeError(loss.loss, expected), 2e-7);
}

TEST_P(CrossEntropyTest, CountsRowsWhoseFirstLikeliestTokenIsTheLabel) {
  Loss loss(20);
  loss.logits.at(0, 0) = 9;   // Its label.
  loss.logits.at(1, 3) = 9;   // Not its label, 19,
  loss.logits.at(1, 19) = 9;  // which comes second.
  loss.logits.at(2, 10) = 9;  // Its label,
  loss.logits.at(2, 12) = 9;  // and another one behind.
  loss.logits.at(3, 1) = 9;
  loss.correct = 40;
  ASSERT_TRUE(CrossEntropyForward(loss.args()).ok());
  EXPECT_EQ(loss.correct, 42);

  CrossEntropyArgs args = loss.args();
  args.correct = nullptr;
  EXPECT_TRUE(CrossEntropyForward(args).ok());
}

TEST_P(CrossEntropyTest, ANanReachesTheLoss) {
  Loss loss(20);
  loss.logits.at(1, 5) = std::numeric_limits<float>::quiet_NaN();
  ASSERT_TRUE(CrossEntropyForwardBackward(loss.args()).ok());

  EXPECT_FALSE(std::isnan(loss.loss[0]));
  EXPECT_TRUE(std::isnan(loss.loss[1]));
}

TEST(CrossEntropyErrorsTest, NameTheLabelAndWriteNothing) {
  Loss loss(20);
  const std::vector<float> before = loss.logits.Values();
  loss.labels[2] = 20;
  const absl::Status status = CrossEntropyForwardBackward(loss.args());
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(),
              HasSubstr("label 20 of row 2 where the vocabulary is 20"));
  loss.labels[2] = -100;
  EXPECT_THAT(CrossEntropyForward(loss.args()).message(),
              HasSubstr("label -100 of row 2"));
  EXPECT_EQ(loss.logits.Values(), before);
  EXPECT_EQ(loss.loss, std::vector<float>(4, -1.0f));
  EXPECT_EQ(loss.correct, 0);

  CrossEntropyArgs args = loss.args();
  args.loss_R = nullptr;
  EXPECT_THAT(CrossEntropyForward(args).message(),
              HasSubstr("cross_entropy loss"));
  args = loss.args();
  args.labels_R = nullptr;
  EXPECT_THAT(CrossEntropyForward(args).message(),
              HasSubstr("cross_entropy labels"));
  args = loss.args();
  args.logits_RV.stride = 4;
  EXPECT_THAT(CrossEntropyForwardBackward(args).message(),
              HasSubstr("cross_entropy logits"));
}

}  // namespace
}  // namespace lockstep::testing
