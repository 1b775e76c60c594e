// A real driver tells of the GPU that CUDA computes on.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "worker/coordinator/gpu_gauge.h"
#include "worker/train/gpu_presence.h"

namespace lockstep {
namespace {

TEST(GpuGaugeCudaTest, ReadsTheGpuThatCudaComputesOn) {
  constexpr int64_t kBytes = int64_t{256} << 20;
  const at::Tensor taken =
      at::zeros({kBytes}, at::device(at::kCUDA).dtype(at::kByte));
  const absl::StatusOr<std::string> uuid = GpuUuid();
  ASSERT_TRUE(uuid.ok()) << uuid.status();
  GpuGauge gauge(*uuid, {.patience = absl::Seconds(60)});

  const auto reading = gauge.Read();

  ASSERT_TRUE(reading.has_value());
  EXPECT_EQ(reading->uuid(), *uuid);
  EXPECT_GE(reading->memory_used_bytes(), kBytes);
  EXPECT_GT(reading->memory_total_bytes(), reading->memory_used_bytes());
  EXPECT_GE(reading->utilization_ratio(), 0);
  EXPECT_LE(reading->utilization_ratio(), 1);
  EXPECT_GT(reading->temperature_celsius(), 0);
}

}  // namespace
}  // namespace lockstep
