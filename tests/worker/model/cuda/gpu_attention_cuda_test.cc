// Attention on a GPU against softmax(q k^T / sqrt(d)) v in float64, one
// document and head at a time, by Torch's autograd.

#include "worker/model/gpu_attention.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "worker/model/flash_attention.h"
#include "worker/model/placed_batch.h"

namespace lockstep {
namespace {

// Columns behind the heads that attention must leave alone.
constexpr int64_t kTail = 16;

struct Case {
  std::string name;
  QkvLayout layout;
  std::vector<int32_t> lengths;
  // Whether cuDNN is expected to do the backward pass.
  bool cudnn = true;
  bool ordered = true;
};

double RelativeError(const at::Tensor& out, const at::Tensor& expected) {
  return ((out.to(at::kDouble) - expected).norm() / expected.norm())
      .item<double>();
}

class GpuAttentionTest : public ::testing::TestWithParam<Case> {
 protected:
  GpuAttentionTest() {
    at::manual_seed(1);
    cu_seqlens_ = {0};
    for (int32_t length : GetParam().lengths) {
      for (int32_t i = 0; i < length; ++i) positions_.push_back(i);
      cu_seqlens_.push_back(cu_seqlens_.back() + length);
    }
    const int64_t tokens = cu_seqlens_.back();
    const auto bf16 = at::device(at::kCUDA).dtype(at::kBFloat16);
    qkv_ = at::randn({tokens, layout().cols() + kTail}, bf16);
    d_out_ = at::randn({tokens, layout().query_cols()}, bf16);
    out_ = Poison({tokens, layout().query_cols() + kTail});
    d_qkv_ = Poison({tokens, layout().cols() + kTail});
    log_sum_ = at::empty({layout().query_heads, tokens},
                         at::device(at::kCUDA).dtype(at::kFloat));
    // More tokens than this batch has, as in the engine.
    const GpuAttention::Options options = {
        .tokens = 2 * tokens,
        .documents = static_cast<int64_t>(GetParam().lengths.size()),
        .longest_document = *std::max_element(GetParam().lengths.begin(),
                                              GetParam().lengths.end()),
        .ordered = GetParam().ordered};
    attention_ = std::make_unique<GpuAttention>(layout(), options);
    work_ = at::full({GpuAttention::WorkBytes(layout(), options)}, 0xff,
                     at::device(at::kCUDA).dtype(at::kByte));
    batch_ = std::make_unique<PlacedBatch>(at::Device(at::kCUDA), tokens);
    const TokenBatch batch = {.ids = positions_,
                              .labels = positions_,
                              .positions = positions_,
                              .cu_seqlens = cu_seqlens_};
    batch_->Place(batch);
    attention_->Place(batch);
  }

  static at::Tensor Poison(at::IntArrayRef shape) {
    return at::full(shape, std::numeric_limits<float>::quiet_NaN(),
                    at::device(at::kCUDA).dtype(at::kBFloat16));
  }

  const QkvLayout& layout() const { return GetParam().layout; }

  void Attend() {
    ASSERT_TRUE(attention_->Forward(*batch_, qkv_, out_, log_sum_, work_).ok());
    ASSERT_TRUE(
        attention_
            ->Backward(*batch_, qkv_, out_, log_sum_, d_out_, d_qkv_, work_)
            .ok());
  }

  // Of one document: output and gradient of its rows of qkv.
  std::pair<at::Tensor, at::Tensor> Oracle(int64_t begin, int64_t end) const {
    at::Tensor qkv = qkv_.slice(0, begin, end)
                         .narrow(1, 0, layout().cols())
                         .to(at::kDouble)
                         .detach()
                         .requires_grad_(true);
    const auto heads = [&](int64_t column, int64_t count) {
      return qkv.narrow(1, column, count * layout().head_dim)
          .unflatten(1, {count, layout().head_dim})
          .transpose(0, 1);
    };
    const int64_t group = layout().query_heads / layout().kv_heads;
    const at::Tensor q = heads(0, layout().query_heads);
    const at::Tensor k = heads(layout().key_begin(), layout().kv_heads)
                             .repeat_interleave(group, 0);
    const at::Tensor v = heads(layout().value_begin(), layout().kv_heads)
                             .repeat_interleave(group, 0);
    const at::Tensor future =
        at::ones({end - begin, end - begin}, qkv.options().dtype(at::kBool))
            .triu(1);
    const at::Tensor scores =
        (q.matmul(k.transpose(1, 2)) /
         std::sqrt(static_cast<double>(layout().head_dim)))
            .masked_fill(future, -std::numeric_limits<double>::infinity());
    const at::Tensor out =
        scores.softmax(-1).matmul(v).transpose(0, 1).flatten(1);
    const auto gradients = torch::autograd::grad(
        {out}, {qkv}, {d_out_.slice(0, begin, end).to(at::kDouble)});
    return {out.detach(), gradients[0]};
  }

  std::vector<int32_t> positions_;
  std::vector<int32_t> cu_seqlens_;
  at::Tensor qkv_;
  at::Tensor out_;
  at::Tensor d_out_;
  at::Tensor d_qkv_;
  at::Tensor log_sum_;
  at::Tensor work_;
  std::unique_ptr<GpuAttention> attention_;
  std::unique_ptr<PlacedBatch> batch_;
};

TEST_P(GpuAttentionTest, EqualsTheFormula) {
  Attend();
  EXPECT_EQ(attention_->backward_by_cudnn(), GetParam().cudnn);
  for (size_t i = 0; i + 1 < cu_seqlens_.size(); ++i) {
    const int64_t begin = cu_seqlens_[i];
    const int64_t end = cu_seqlens_[i + 1];
    const auto [out, d_qkv] = Oracle(begin, end);
    EXPECT_LT(
        RelativeError(
            out_.slice(0, begin, end).narrow(1, 0, layout().query_cols()), out),
        5e-3)
        << "document " << i;
    EXPECT_LT(
        RelativeError(d_qkv_.slice(0, begin, end).narrow(1, 0, layout().cols()),
                      d_qkv),
        6e-3)
        << "document " << i;
  }
}

TEST_P(GpuAttentionTest, LeavesTheTailAlone) {
  Attend();
  EXPECT_TRUE(
      out_.narrow(1, layout().query_cols(), kTail).isnan().all().item<bool>());
  EXPECT_TRUE(
      d_qkv_.narrow(1, layout().cols(), kTail).isnan().all().item<bool>());
}

TEST_P(GpuAttentionTest, RepeatsBitForBitIfOrdered) {
  if (!GetParam().ordered) return;
  Attend();
  const at::Tensor out = out_.narrow(1, 0, layout().query_cols()).clone();
  const at::Tensor d_qkv = d_qkv_.narrow(1, 0, layout().cols()).clone();
  for (int repeat = 0; repeat < 10; ++repeat) {
    Attend();
    EXPECT_TRUE(at::equal(out, out_.narrow(1, 0, layout().query_cols())));
    EXPECT_TRUE(at::equal(d_qkv, d_qkv_.narrow(1, 0, layout().cols())));
  }
}

TEST_P(GpuAttentionTest, EqualsFlashAttention2) {
  Attend();
  const at::Tensor out = Poison(out_.sizes());
  const at::Tensor d_qkv = Poison(d_qkv_.sizes());
  const at::Tensor log_sum = at::empty_like(log_sum_);
  FlashAttentionForward(layout(), *batch_, qkv_, out, log_sum);
  FlashAttentionBackward(layout(), *batch_, qkv_, out, log_sum, d_out_, d_qkv);
  const int64_t query = layout().query_cols();
  const int64_t all = layout().cols();
  EXPECT_LT(RelativeError(out_.narrow(1, 0, query),
                          out.narrow(1, 0, query).to(at::kDouble)),
            5e-3);
  EXPECT_LT(RelativeError(d_qkv_.narrow(1, 0, all),
                          d_qkv.narrow(1, 0, all).to(at::kDouble)),
            6e-3);
}

const std::vector<int32_t> kMixed = {1, 7, 64, 65, 300, 129, 2, 512};

// Short ones, and one so long that cuDNN's ordered sum is out of proportion.
std::vector<int32_t> Lopsided() {
  std::vector<int32_t> lengths(63, 20);
  lengths.push_back(2048);
  return lengths;
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, GpuAttentionTest,
    ::testing::Values(
        Case{"heads64", {14, 2, 64}, kMixed},
        Case{"heads128", {32, 8, 128}, kMixed},
        Case{"heads96", {6, 6, 96}, kMixed},
        Case{"rows", {32, 8, 64}, {1024, 1024}},
        Case{"llama8b", {32, 8, 128}, {2048, 2048, 2048, 2048}},
        Case{"one", {4, 4, 128}, {1000}},
        Case{"lopsided", {32, 8, 128}, Lopsided(), false},
        Case{"heads256", {4, 2, 256}, kMixed},
        Case{"any_order", {32, 8, 128}, kMixed, true, false},
        Case{"any_order_equal_heads", {6, 6, 64}, kMixed, true, false},
        Case{"any_order_lopsided", {32, 8, 128}, Lopsided(), true, false}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace lockstep
