#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "worker/train/time_spans.h"

namespace lockstep {
namespace {

// What is asked for in a moment and takes the GPU long counts where it is
// done.
TEST(TimeSpansCudaTest, WorkCountsWhereTheGpuDoesIt) {
  const at::Device device(at::kCUDA, 0);
  const auto options = at::TensorOptions(device).dtype(at::kFloat);
  const at::Tensor a = at::randn({4096, 4096}, options);
  at::Tensor out = at::mm(a, a);
  out.sum().item<float>();
  TimeSpans spans(device);

  const absl::Time before = absl::Now();
  spans.Begin(v1::Span::FORWARD, 1);
  for (int i = 0; i < 50; ++i) at::mm_out(out, a, a);
  spans.Begin(v1::Span::BACKWARD, 1);
  spans.End();
  const absl::Duration asked = absl::Now() - before;
  out.sum().item<float>();
  const absl::Duration done = absl::Now() - before;

  TakenSpans taken = spans.Take();
  ASSERT_EQ(taken.spans.size(), 2u);
  const double forward = taken.seconds.at(v1::Span::FORWARD);
  EXPECT_LE(forward, absl::ToDoubleSeconds(done));
  EXPECT_GE(forward, 0.5 * absl::ToDoubleSeconds(done)) << asked;
  EXPECT_LE(taken.seconds.at(v1::Span::BACKWARD), 0.1 * forward);
  EXPECT_NEAR(absl::ToDoubleSeconds(taken.begin - before), 0, 0.005);
}

TEST(TimeSpansCudaTest, WhatTheGpuHasNotDoneIsLeftToTheNextTime) {
  const at::Device device(at::kCUDA, 0);
  const auto options = at::TensorOptions(device).dtype(at::kFloat);
  const at::Tensor a = at::randn({8192, 8192}, options);
  at::Tensor out = at::mm(a, a);
  out.sum().item<float>();
  TimeSpans spans(device);
  spans.Begin(v1::Span::OPTIMIZER, 3);
  for (int i = 0; i < 50; ++i) at::mm_out(out, a, a);
  spans.End();
  EXPECT_TRUE(spans.Take().spans.empty());
  out.sum().item<float>();
  const TakenSpans taken = spans.Take();
  ASSERT_EQ(taken.spans.size(), 1u);
  EXPECT_EQ(taken.spans[0].step(), 3);
}

}  // namespace
}  // namespace lockstep
