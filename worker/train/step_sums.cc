#include "worker/train/step_sums.h"

#include <ATen/ATen.h>

#include <cmath>

#include "proto/contract/check.h"

namespace lockstep {
namespace {

constexpr int64_t kLowPart = int64_t{1} << 16;
constexpr int64_t kFloats = 14;

void StoreCount(int64_t count, float* out) {
  const int64_t high = count / kLowPart;
  out[0] = static_cast<float>(high);
  out[1] = static_cast<float>(count % kLowPart);
}

int64_t LoadCount(const float* in) {
  return std::llround(in[0]) * kLowPart + std::llround(in[1]);
}

}  // namespace

StepSums& StepSums::operator+=(const StepSums& other) {
  loss_sum += other.loss_sum;
  trained_tokens += other.trained_tokens;
  correct += other.correct;
  tokens += other.tokens;
  examples += other.examples;
  squared_lengths += other.squared_lengths;
  stop |= other.stop;
  checkpoint |= other.checkpoint;
  return *this;
}

void StepSums::Store(const at::Tensor& tail) const {
  LOCKSTEP_CHECK(tail.numel() >= kFloats);
  const at::Tensor host = at::zeros({tail.numel()}, at::kFloat);
  float* out = host.data_ptr<float>();
  out[0] = static_cast<float>(loss_sum);
  out[1] = static_cast<float>(loss_sum - out[0]);
  StoreCount(trained_tokens, out + 2);
  StoreCount(correct, out + 4);
  StoreCount(tokens, out + 6);
  StoreCount(examples, out + 8);
  StoreCount(squared_lengths, out + 10);
  out[12] = stop ? 1.0f : 0.0f;
  out[13] = checkpoint ? 1.0f : 0.0f;
  at::Tensor(tail).copy_(host);
}

StepSums StepSums::Load(const at::Tensor& tail) {
  const at::Tensor host = tail.cpu();
  const float* in = host.data_ptr<float>();
  StepSums sums;
  sums.loss_sum = static_cast<double>(in[0]) + in[1];
  // A loss that is not finite makes its low part so too; the high one tells.
  if (!std::isfinite(in[0])) sums.loss_sum = in[0];
  sums.trained_tokens = LoadCount(in + 2);
  sums.correct = LoadCount(in + 4);
  sums.tokens = LoadCount(in + 6);
  sums.examples = LoadCount(in + 8);
  sums.squared_lengths = LoadCount(in + 10);
  sums.stop = in[12] > 0;
  sums.checkpoint = in[13] > 0;
  return sums;
}

}  // namespace lockstep
