// What is common to all kernels: the checks of views.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/qkv_layout.h"
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

}  // namespace
}  // namespace lockstep
