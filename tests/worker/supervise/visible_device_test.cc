#include "worker/supervise/visible_device.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<std::string> Visible(const std::string& device,
                                    const std::string& set) {
  return VisibleDevice(device, [&](const char*) { return set; });
}

TEST(VisibleDeviceTest, AUuidIsItself) {
  EXPECT_EQ(*Visible("GPU-8b3c", "0,1"), "GPU-8b3c");
  EXPECT_EQ(*Visible("MIG-8b3c", ""), "MIG-8b3c");
}

TEST(VisibleDeviceTest, ANumberIsOneOfThoseThatAnEngineGave) {
  EXPECT_EQ(*Visible("cuda:1", "4,7"), "7");
  EXPECT_EQ(*Visible("cuda:0", "GPU-1,GPU-2"), "GPU-1");
  EXPECT_EQ(*Visible("cuda:3", ""), "3");
}

TEST(VisibleDeviceTest, WhatIsNotThereIsNamed) {
  EXPECT_THAT(Visible("cuda:2", "4,7").status().message(),
              HasSubstr("CUDA_VISIBLE_DEVICES is 4,7, which are 2 GPUs"));
  EXPECT_THAT(Visible("gpu0", "").status().message(), HasSubstr("gpu0"));
  EXPECT_FALSE(Visible("cuda:-1", "").ok());
  EXPECT_FALSE(Visible("cuda:x", "").ok());
}

}  // namespace
}  // namespace lockstep
