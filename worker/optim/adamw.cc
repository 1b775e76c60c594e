#include "worker/optim/adamw.h"

#include <ATen/ATen.h>

#include <utility>

#include "proto/contract/check.h"

namespace lockstep {
namespace {

// Neighbours of one decay become one segment: fewer, longer loops.
std::vector<AdamWSegment> MakeSegments(const std::vector<DecayRange>& ranges,
                                       double weight_decay) {
  std::vector<AdamWSegment> segments;
  for (const DecayRange& range : ranges) {
    const double decay = range.decays ? weight_decay : 0;
    if (!segments.empty() && segments.back().end == range.begin &&
        segments.back().weight_decay == decay) {
      segments.back().end = range.end;
    } else {
      segments.push_back({range.begin, range.end, decay});
    }
  }
  return segments;
}

}  // namespace

AdamW::AdamW(at::Tensor values, at::Tensor gradients,
             const std::vector<DecayRange>& ranges, const AdamWOptions& options)
    : values_(std::move(values)),
      gradients_(std::move(gradients)),
      segments_(MakeSegments(ranges, options.weight_decay)),
      options_(options),
      exp_avg_(at::zeros_like(values_)),
      exp_avg_sq_(at::zeros_like(values_)) {
  LOCKSTEP_CHECK(values_.is_contiguous() && gradients_.is_contiguous() &&
                 values_.numel() == gradients_.numel());
}

void AdamW::Step(double learning_rate, double gradient_scale) {
  ++steps_;
  LOCKSTEP_CHECK(
      AdamWStep({.values = values_.data_ptr<float>(),
                 .exp_avg = exp_avg_.data_ptr<float>(),
                 .exp_avg_sq = exp_avg_sq_.data_ptr<float>(),
                 .gradients = gradients_.data_ptr<float>(),
                 .size = values_.numel(),
                 .device = values_.is_cuda() ? Device::kCuda : Device::kCpu,
                 .segments = segments_,
                 .learning_rate = learning_rate,
                 .beta1 = options_.beta1,
                 .beta2 = options_.beta2,
                 .epsilon = options_.epsilon,
                 .step = steps_,
                 .gradient_scale = gradient_scale})
          .ok());
}

std::vector<OptimizerBuffer> AdamW::State() {
  return {{"exp_avg", exp_avg_}, {"exp_avg_sq", exp_avg_sq_}};
}

}  // namespace lockstep
