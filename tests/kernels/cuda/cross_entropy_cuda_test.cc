#include "kernels/cross_entropy.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "tests/kernels/cuda/cuda_kernel_test.h"

namespace lockstep::testing {
namespace {

class CrossEntropyCudaTest : public CudaKernelTest {
 protected:
  // In every second row the label has the largest logit.
  void SetUp() override {
    logits_ = Random(1, 8);
    for (int64_t r = 0; r < rows(); ++r) {
      labels_.push_back(static_cast<int32_t>(r * 7919 % cols()));
      if (r % 2 == 0) logits_.at(r, labels_.back()) = 9;
    }
  }

  Matrix logits_{0, 0};
  std::vector<int32_t> labels_;
};

struct Result {
  std::vector<float> loss;
  int64_t correct;
  Matrix logits;
};

TEST_P(CrossEntropyCudaTest, EqualsTheCpu) {
  Matrix gradient = logits_;
  std::vector<float> loss(rows());
  int64_t correct = 3;
  ASSERT_TRUE(CrossEntropyForwardBackward({.loss_R = loss.data(),
                                           .correct = &correct,
                                           .logits_RV = gradient.view(),
                                           .labels_R = labels_.data(),
                                           .scale = 0.125})
                  .ok());
  const DeviceArray<int32_t> g_labels(labels_);
  const auto run = [&](bool backward) -> Result {
    const DeviceMatrix g_logits = OnDevice(logits_);
    const DeviceArray<float> g_loss(std::vector<float>(rows(), -1));
    const DeviceArray<int64_t> g_correct({3});
    const CrossEntropyArgs args = {.loss_R = g_loss.data(),
                                   .correct = g_correct.data(),
                                   .logits_RV = g_logits.view(),
                                   .labels_R = g_labels.data(),
                                   .scale = 0.125};
    EXPECT_TRUE((backward ? CrossEntropyForwardBackward(args)
                          : CrossEntropyForward(args))
                    .ok());
    return {g_loss.Values(), g_correct.Values()[0], g_logits.Download()};
  };

  const Result forward = run(false), first = run(true), second = run(true);

  EXPECT_LT(RelativeError(first.loss, loss), 3e-6);
  EXPECT_EQ(first.correct, correct);
  EXPECT_LT(RelativeError(first.logits, gradient), Tolerance());
  EXPECT_EQ(forward.loss, first.loss);
  EXPECT_EQ(forward.correct, correct);
  EXPECT_EQ(forward.logits.Values(), logits_.Values());
  EXPECT_EQ(first.loss, second.loss);
  EXPECT_EQ(first.logits.Values(), second.logits.Values());
}

LOCKSTEP_INSTANTIATE_CUDA_TEST(CrossEntropyCudaTest);

class CrossEntropyVocabularyTest : public ::testing::TestWithParam<int64_t> {};

// Rows longer than shared memory, large logits, and ties.
TEST_P(CrossEntropyVocabularyTest, EqualsTheCpuInBFloat16) {
  const int64_t vocabulary = GetParam();
  Matrix logits =
      Rounded(Matrix::Random(4, vocabulary, 1, 20), DType::kBFloat16);
  logits.at(1, 7) = logits.at(1, vocabulary - 1) = 96;
  logits.at(2, 7) = logits.at(2, vocabulary - 1) = 96;
  logits.at(3, 0) = -std::numeric_limits<float>::infinity();
  const auto last = static_cast<int32_t>(vocabulary - 1);
  const std::vector<int32_t> labels = {last, last, 7, 1};
  const DeviceMatrix g_logits(logits, DType::kBFloat16, 0);
  const DeviceArray<int32_t> g_labels(labels);
  const DeviceArray<float> g_loss{std::vector<float>(4)};
  const DeviceArray<int64_t> g_correct({0});
  std::vector<float> loss(4);
  int64_t correct = 0;
  ASSERT_TRUE(CrossEntropyForwardBackward({.loss_R = loss.data(),
                                           .correct = &correct,
                                           .logits_RV = logits.view(),
                                           .labels_R = labels.data()})
                  .ok());

  ASSERT_TRUE(CrossEntropyForwardBackward({.loss_R = g_loss.data(),
                                           .correct = g_correct.data(),
                                           .logits_RV = g_logits.view(),
                                           .labels_R = g_labels.data()})
                  .ok());

  EXPECT_LT(RelativeError(g_loss.Values(), loss), 1e-5);
  EXPECT_EQ(g_correct.Values()[0], correct);
  EXPECT_LT(RelativeError(g_logits.Download(), logits), 4e-3);
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, CrossEntropyVocabularyTest,
                         ::testing::Values(32000, 50257, 128256, 151936),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace lockstep::testing
