#include "worker/model/buildable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/worker/model/random_model.h"

namespace lockstep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const Placement kGpu = {.device = c10::Device(c10::kCUDA, 0),
                        .compute = c10::kBFloat16};

ModelConfig Config() {
  ModelConfig config = OddConfig(ModelConfig::Family::kLlama);
  config.hidden_size = 256;
  config.intermediate_size = 512;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = 64;
  return config;
}

Method Fp8() {
  Method method = LoraMethod(8);
  method.lora.fp8_base = true;
  return method;
}

TEST(BuildableTest, AnFp8BaseOnAGpuThatHasNoFp8IsRefusedByItsName) {
  for (const GpuIdentity& gpu :
       {GpuIdentity{"NVIDIA A100-SXM4-80GB", 8, 0},
        GpuIdentity{"NVIDIA A10", 8, 6}, GpuIdentity{"Tesla V100", 7, 9}}) {
    const absl::Status status = CheckBuildable(Config(), Fp8(), kGpu, gpu);

    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("method.lora.base_dtype: fp8 wants a GPU of "
                                "compute capability 8.9 or newer"),
                      HasSubstr(gpu.name), HasSubstr("trains with bf16")));
  }
}

TEST(BuildableTest, TheMessageHasTheCapabilityThatThereIs) {
  EXPECT_THAT(std::string(CheckBuildable(Config(), Fp8(), kGpu,
                                         GpuIdentity{"NVIDIA A10", 8, 6})
                              .message()),
              HasSubstr("NVIDIA A10 has 8.6"));
}

TEST(BuildableTest, AnFp8BaseIsForAdaAndWhatCameAfter) {
  for (const GpuIdentity& gpu :
       {GpuIdentity{"NVIDIA L4", 8, 9}, GpuIdentity{"NVIDIA H200", 9, 0},
        GpuIdentity{"NVIDIA B200", 10, 0}}) {
    EXPECT_TRUE(CheckBuildable(Config(), Fp8(), kGpu, gpu).ok()) << gpu.name;
  }
}

TEST(BuildableTest, AGpuThatNobodyKnowsIsNotJudged) {
  EXPECT_TRUE(CheckBuildable(Config(), Fp8(), kGpu, std::nullopt).ok());
}

TEST(BuildableTest, AnOldGpuTrainsWhatIsNotInFp8) {
  EXPECT_TRUE(CheckBuildable(Config(), LoraMethod(8), kGpu,
                             GpuIdentity{"NVIDIA A100-SXM4-80GB", 8, 0})
                  .ok());
}

TEST(BuildableTest, TheCpuIsNoGpu) {
  EXPECT_FALSE(GpuOf(Placement{}).has_value());
}

}  // namespace
}  // namespace lockstep
