#include "kernels/rotary_embedding.h"

#include <cmath>

#include "gtest/gtest.h"
#include "tests/kernels/cuda/cuda_kernel_test.h"

namespace lockstep::testing {
namespace {

// The columns of a case are its head_dim / 2.
class RotaryEmbeddingCudaTest : public CudaKernelTest {
 protected:
  static constexpr int64_t kPositions = 11;

  void SetUp() override {
    layout_ = {.query_heads = 6, .kv_heads = 2, .head_dim = 2 * cols()};
    for (int64_t i = 0; i < kPositions * cols(); ++i) {
      const double angle = 0.37 * static_cast<double>(i);
      cosines_.push_back(static_cast<float>(std::cos(angle)));
      sines_.push_back(static_cast<float>(std::sin(angle)));
    }
    for (int64_t t = 0; t < rows(); ++t) {
      positions_.push_back(static_cast<int32_t>(t * 5 % kPositions));
    }
  }
  RotaryEmbeddingArgs Args(TensorView qkv) const {
    return {.qkv_TN = qkv,
            .positions_T = positions_.data(),
            .cos_PD = cosines_.data(),
            .sin_PD = sines_.data(),
            .table_positions = kPositions,
            .layout = layout_};
  }

  QkvLayout layout_;
  std::vector<float> cosines_, sines_;
  std::vector<int32_t> positions_;
};

TEST_P(RotaryEmbeddingCudaTest, EqualsTheCpuForwardAndBack) {
  Matrix qkv = Random(rows(), layout_.cols(), 1);
  const DeviceMatrix g_qkv = OnDevice(qkv);
  const DeviceArray<float> g_cosines(cosines_), g_sines(sines_);
  const DeviceArray<int32_t> g_positions(positions_);
  RotaryEmbeddingArgs args = Args(g_qkv.view());
  args.positions_T = g_positions.data();
  args.cos_PD = g_cosines.data();
  args.sin_PD = g_sines.data();

  ASSERT_TRUE(RotaryEmbeddingForward(Args(qkv.view())).ok());
  ASSERT_TRUE(RotaryEmbeddingForward(args).ok());
  EXPECT_LT(RelativeError(g_qkv.Download(), qkv), Tolerance());

  Matrix gradient = g_qkv.Download();
  ASSERT_TRUE(RotaryEmbeddingBackward(Args(gradient.view())).ok());
  ASSERT_TRUE(RotaryEmbeddingBackward(args).ok());
  EXPECT_LT(RelativeError(g_qkv.Download(), gradient), Tolerance());
}

LOCKSTEP_INSTANTIATE_CUDA_TEST(RotaryEmbeddingCudaTest);

}  // namespace
}  // namespace lockstep::testing
