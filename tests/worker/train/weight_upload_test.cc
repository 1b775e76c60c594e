#include "worker/train/weight_upload.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/testing/temp_dir.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

// A model folder of one file with the same numbers in three types.
class WeightUploadTest : public ::testing::Test {
 protected:
  WeightUploadTest() {
    numbers_ = at::arange(-60, 60, at::kFloat).view({20, 6}) / 8;
    const at::Tensor bfloat16 = numbers_.to(at::kBFloat16);
    const at::Tensor half = numbers_.to(at::kHalf);
    const at::Tensor integers = at::ones({4}, at::kLong);
    const auto status =
        WriteSafetensors(dir_.Path("model.safetensors"),
                         {{"f32", "F32", {20, 6}, numbers_.data_ptr()},
                          {"bf16", "BF16", {20, 6}, bfloat16.data_ptr()},
                          {"f16", "F16", {20, 6}, half.data_ptr()},
                          {"i64", "I64", {4}, integers.data_ptr()}},
                         /*metadata=*/{}, /*sync=*/false);
    EXPECT_TRUE(status.ok()) << status.status();
    source_ = std::make_unique<WeightSource>(*WeightSource::Open(dir_.path()));
    upload_ = std::make_unique<WeightUpload>(*source_, at::kCPU);
  }

  ScopedTempDir dir_;
  at::Tensor numbers_;
  std::unique_ptr<WeightSource> source_;
  std::unique_ptr<WeightUpload> upload_;
};

TEST_F(WeightUploadTest, AnyTypeGoesIntoAnyTypeAndIntoPartsOfWiderRows) {
  for (const char* name : {"f32", "bf16", "f16"}) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      const at::Tensor wide = at::full({20, 10}, 7, type);

      ASSERT_TRUE(upload_->Place(name, wide.narrow(1, 0, 6)).ok());

      EXPECT_TRUE(at::equal(wide.narrow(1, 0, 6).to(at::kFloat), numbers_));
      EXPECT_EQ(wide.narrow(1, 6, 4).min().item<float>(), 7);
    }
  }
}

TEST_F(WeightUploadTest, ALargeTensorGoesInBlocks) {
  const at::Tensor large =
      at::arange(0, 3 << 22, at::kFloat).view({3, 1 << 22});
  ASSERT_TRUE(
      WriteSafetensors(dir_.Path("model.safetensors"),
                       {{"large", "F32", {3, 1 << 22}, large.data_ptr()}},
                       /*metadata=*/{}, /*sync=*/false)
          .ok());
  const WeightSource source = *WeightSource::Open(dir_.path());
  WeightUpload upload(source, at::kCPU);
  const at::Tensor out = at::zeros({3, 1 << 22});

  ASSERT_TRUE(upload.Place("large", out).ok());

  EXPECT_TRUE(at::equal(out, large));
}

TEST_F(WeightUploadTest, WhatDoesNotFitIsNamed) {
  const absl::Status shape = upload_->Place("f32", at::zeros({6, 20}));
  const absl::Status dtype = upload_->Place("i64", at::zeros({4}));
  const absl::Status missing = upload_->Place("absent", at::zeros({4}));

  EXPECT_EQ(shape.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(shape.message()), HasSubstr("expected is [6, 20]"));
  EXPECT_EQ(dtype.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(dtype.message()), HasSubstr("tensor i64 is I64"));
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace lockstep::testing
