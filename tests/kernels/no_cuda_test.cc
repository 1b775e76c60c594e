// The answer of a build without CUDA: this program links its no_cuda.cc,
// whatever the build.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/adamw.h"
#include "kernels/attention.h"
#include "kernels/cross_entropy.h"
#include "kernels/dropout.h"
#include "kernels/embedding.h"
#include "kernels/fp8_tail.h"
#include "kernels/global_norm.h"
#include "kernels/gpu_identity.h"
#include "kernels/linear_bias.h"
#include "kernels/lora_pack.h"
#include "kernels/qkv_layout.h"
#include "kernels/quantize_fp8.h"
#include "kernels/rms_norm.h"
#include "kernels/rotary_embedding.h"
#include "kernels/row_select.h"
#include "kernels/swiglu.h"
#include "kernels/tensor_view.h"

namespace lockstep {
namespace {

using ::testing::HasSubstr;

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
  float factor = 0;
  const Fp8Tail tail = {.factor = &factor, .in = none};
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
      IdentifyGpu(0).status(),
      CheckGpuDriver(),
      LinearBiasForward(none, row),
      LinearBiasBackward(nullptr, none),
      LoraPack({.stacked_a_RK = none,
                .scaled_b_NR = none,
                .a_RK = none,
                .b_NR = none}),
      PackFp8Tails({&tail, 1}),
      QuantizeFp8({.in = none}),
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
