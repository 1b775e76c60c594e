// What is common to all kernels: the checks of views, and the answer of a build
// without CUDA.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/adamw.h"
#include "kernels/attention.h"
#include "kernels/cross_entropy.h"
#include "kernels/dropout.h"
#include "kernels/embedding.h"
#include "kernels/global_norm.h"
#include "kernels/linear_bias.h"
#include "kernels/lora_pack.h"
#include "kernels/qkv_layout.h"
#include "kernels/rms_norm.h"
#include "kernels/rotary_embedding.h"
#include "kernels/row_select.h"
#include "kernels/swiglu.h"
#include "kernels/tensor_view.h"

namespace lockstep {
namespace {

using ::testing::HasSubstr;

TEST(TensorViewTest, AStrideBelowTheColumnsMattersFromTheSecondRowOn) {
  float value = 0;
  TensorView view = {.data = &value, .rows = 1, .cols = 4, .stride = 0};
  EXPECT_TRUE(CheckShape("x", view, 1, 4).ok());
  view.rows = 2;
  const absl::Status status = CheckShape("x", view, 2, 4);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "x: [2, 4] with stride 0 where [2, 4] is needed");
}

TEST(TensorViewTest, OnlyEmptyViewsMayLackData) {
  EXPECT_TRUE(CheckShape("x", {.rows = 0, .cols = 4, .stride = 4}, 0, 4).ok());
  EXPECT_THAT(
      CheckShape("x", {.rows = 1, .cols = 4, .stride = 4}, 1, 4).message(),
      HasSubstr("no data"));
  EXPECT_TRUE(CheckOptionalShape("x", {}, 1, 4).ok());
  EXPECT_TRUE(CheckArray("x", nullptr, 0).ok());
  EXPECT_THAT(CheckArray("x", nullptr, 3).message(),
              HasSubstr("x: no data where 3 elements are needed"));
}

TEST(TensorViewTest, TheCpuTakesFloat32Only) {
  float value = 0;
  TensorView view = {.data = &value, .dtype = DType::kBFloat16};
  EXPECT_EQ(CheckCpuFloat("x", view).code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(CheckCpuFloat("x", view).message(),
              HasSubstr("bfloat16 on device cpu"));
  view = {.data = &value, .device = Device::kCuda};
  EXPECT_THAT(CheckCpuFloat("x", view).message(),
              HasSubstr("float32 on device cuda"));
  EXPECT_TRUE(CheckCpuFloat("x", {.dtype = DType::kBFloat16}).ok());
}

TEST(QkvLayoutTest, ColumnsFollowTheHeads) {
  const QkvLayout layout = {.query_heads = 8, .kv_heads = 4, .head_dim = 16};
  EXPECT_TRUE(CheckLayout("op", layout).ok());
  EXPECT_EQ(layout.query_cols(), 128);
  EXPECT_EQ(layout.key_begin(), 128);
  EXPECT_EQ(layout.value_begin(), 192);
  EXPECT_EQ(layout.cols(), 256);
}

TEST(QkvLayoutTest, RefusesWhatIsNoLayout) {
  for (const QkvLayout& layout :
       {QkvLayout{.query_heads = 8, .kv_heads = 3, .head_dim = 16},
        QkvLayout{.query_heads = 8, .kv_heads = 0, .head_dim = 16},
        QkvLayout{.query_heads = 0, .kv_heads = 1, .head_dim = 16},
        QkvLayout{.query_heads = 8, .kv_heads = 4, .head_dim = 15},
        QkvLayout{.query_heads = 8, .kv_heads = 4, .head_dim = 0}}) {
    const absl::Status status = CheckLayout("op", layout);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("op: "));
  }
}

TEST(NoCudaTest, EveryKernelSaysThatThisBuildHasNone) {
  const TensorView none = {.device = Device::kCuda};
  double sum = 0;
  const int32_t starts = 0;
  const QkvLayout layout = {.query_heads = 1, .kv_heads = 1, .head_dim = 2};
  const PackedDocuments documents = {.cu_seqlens = &starts};
  TensorView qkv = none, out = none, log_sum = none, row = none;
  qkv.cols = layout.cols();
  out.cols = layout.query_cols();
  log_sum.rows = row.rows = 1;
  const absl::Status statuses[] = {
      AdamWStep({.device = Device::kCuda, .step = 1}),
      AttentionForward({.out_TQ = out,
                        .log_sum_HT = log_sum,
                        .qkv_TN = qkv,
                        .documents = documents,
                        .layout = layout}),
      AttentionBackward({.d_qkv_TN = qkv,
                         .d_out_TQ = out,
                         .out_TQ = out,
                         .log_sum_HT = log_sum,
                         .qkv_TN = qkv,
                         .documents = documents,
                         .layout = layout}),
      CrossEntropyForward({.logits_RV = none}),
      CrossEntropyForwardBackward({.logits_RV = none}),
      Dropout(none, none, {}),
      EmbeddingForward(none, none, nullptr),
      EmbeddingBackward(none, none, nullptr),
      SquaredSum({.sum = &sum, .device = Device::kCuda}),
      LinearBiasForward(none, row),
      LinearBiasBackward(nullptr, none),
      LoraPack({.packed = none, .a_RK = none, .b_NR = none}),
      RmsNormForward({.out_TD = none, .in_TD = none, .weight_D = row}),
      RmsNormBackward(
          {.d_in_TD = none, .d_out_TD = none, .sum_TD = none, .weight_D = row}),
      RotaryEmbeddingForward({.qkv_TN = qkv, .layout = layout}),
      RotaryEmbeddingBackward({.qkv_TN = qkv, .layout = layout}),
      GatherRows(none, none, nullptr),
      ScatterRows(none, none, nullptr),
      ScatterAddRows(none, none, nullptr),
      SwigluForward(none, none),
      SwigluBackward(none, {}, none),
  };
  for (const absl::Status& status : statuses) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
    EXPECT_THAT(status.message(), HasSubstr("this build has no CUDA kernels"));
  }
}

}  // namespace
}  // namespace lockstep
