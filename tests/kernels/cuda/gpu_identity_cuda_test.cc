#include "kernels/gpu_identity.h"

#include "gtest/gtest.h"

namespace lockstep {
namespace {

TEST(GpuIdentityCudaTest, AGpuHasANameAndACapability) {
  const absl::StatusOr<GpuIdentity> gpu = IdentifyGpu(0);

  ASSERT_TRUE(gpu.ok()) << gpu.status();
  EXPECT_FALSE(gpu->name.empty());
  EXPECT_GE(gpu->major, 7);
  EXPECT_GE(gpu->minor, 0);
}

TEST(GpuIdentityCudaTest, OneThatIsNotThereIsAnError) {
  const absl::Status status = IdentifyGpu(1000).status();

  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("identify the GPU"), std::string::npos);
}

}  // namespace
}  // namespace lockstep
