// What a build with CUDA kernels answers before anything is launched: it holds
// on machines without a GPU.

#include "kernels/cuda_status.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/global_norm.h"
#include "kernels/gpu_identity.h"
#include "kernels/linear_bias.h"
#include "kernels/rms_norm.h"
#include "kernels/row_select.h"
#include "kernels/swiglu.h"
#include "tests/kernels/matrix.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

TEST(CudaStatusTest, SaysWhatTheCallerMayDo) {
  EXPECT_TRUE(CudaStatus("op", cudaSuccess).ok());
  EXPECT_EQ(CudaStatus("op", cudaErrorNoDevice).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(CudaStatus("op", cudaErrorInsufficientDriver).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(CudaStatus("op", cudaErrorMemoryAllocation).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(CudaStatus("op", cudaErrorIllegalAddress).code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ(CudaStatus("op", cudaErrorNoDevice).message(),
            "op: cudaErrorNoDevice: no CUDA-capable device is detected");
}

TEST(GpuDriverTest, OfAnOlderCudaIsRefusedWithWhatToInstall) {
  EXPECT_TRUE(CheckGpuDriver(13000, 13000).ok());
  EXPECT_TRUE(CheckGpuDriver(13010, 13000).ok());
  EXPECT_TRUE(CheckGpuDriver(13000, 13020).ok());
  EXPECT_TRUE(CheckGpuDriver(14000, 13000).ok());

  const absl::Status old = CheckGpuDriver(12080, 13000);
  EXPECT_EQ(old.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(old.message(),
              HasSubstr("is for CUDA 12.8, which is too old; this build needs "
                        "one for CUDA 13.0 or newer"));
  EXPECT_THAT(CheckGpuDriver(0, 13000).message(),
              HasSubstr("there is no driver for NVIDIA's GPUs"));
}

TEST(CudaViewsTest, OthersThanTheFirstsDTypeOnTheGpuAreRefused) {
  Matrix gate_up(2, 8), out(2, 4);
  TensorView on_gpu = gate_up.view();
  on_gpu.device = Device::kCuda;
  const absl::Status status = SwigluForward(out.view(), on_gpu);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "swiglu: a float32 tensor on device cpu where the others are "
            "float32 on cuda");

  TensorView half = out.view();
  half.device = Device::kCuda;
  half.dtype = DType::kBFloat16;
  EXPECT_THAT(SwigluForward(half, on_gpu).message(),
              HasSubstr("a float32 tensor on device cuda where the others are "
                        "bfloat16 on cuda"));
}

TEST(CudaViewsTest, EmptyOnesNeedNoGpu) {
  const TensorView none = {.device = Device::kCuda};
  TensorView row = none;
  row.rows = 1;
  EXPECT_TRUE(LinearBiasForward(none, row).ok());
  EXPECT_TRUE(GatherRows(none, none, nullptr).ok());
}

TEST(RmsNormCudaErrorsTest, NameTheMissingScratchOfATrainedWeight) {
  Matrix rows(20, 8), weight(1, 8);
  TensorView on_gpu = rows.view(), weight_on_gpu = weight.view();
  on_gpu.device = weight_on_gpu.device = Device::kCuda;
  const std::vector<float> inv_rms(20, 1);
  std::vector<float> d_weight(8);

  const absl::Status status = RmsNormBackward({.d_in_TD = on_gpu,
                                               .d_weight_D = d_weight.data(),
                                               .d_out_TD = on_gpu,
                                               .sum_TD = on_gpu,
                                               .inv_rms_T = inv_rms.data(),
                                               .weight_D = weight_on_gpu});

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "rms_norm scratch: no data where 24 elements are needed");
}

TEST(GlobalNormCudaErrorsTest, NameTheMissingScratch) {
  double sum = 0;
  const absl::Status status =
      SquaredSum({.sum = &sum, .device = Device::kCuda});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "global_norm scratch: no data where 528 elements are needed");
}

}  // namespace
}  // namespace lockstep::testing
