#include "worker/train/gradient_buckets.h"

#include <algorithm>

namespace lockstep {
namespace {

bool During(int64_t final_after) {
  return final_after != Parameter::kWholePass;
}

// Whether `bucket` takes in what lies before it. Of two that are final at
// different times the earlier waits for the later, so neither may be large.
bool Takes(const GradientBucket& bucket, const Parameter& parameter,
           int64_t least_floats) {
  if (parameter.offset + parameter.size() != bucket.begin) return false;
  if (parameter.final_after == bucket.final_after) return true;
  return During(parameter.final_after) && During(bucket.final_after) &&
         bucket.end - bucket.begin < least_floats &&
         parameter.size() < least_floats;
}

}  // namespace

std::vector<GradientBucket> GradientBuckets(
    const std::vector<Parameter>& parameters, int64_t least_floats) {
  const int64_t size =
      parameters.empty() ? 0
                         : parameters.back().offset + parameters.back().size();
  // From the end, where the pass begins. First the tail, whose sums are known
  // when the pass is over.
  std::vector<GradientBucket> buckets = {
      {.begin = size, .end = size + Parameters::kTailFloats}};
  for (auto next = parameters.rbegin(); next != parameters.rend(); ++next) {
    if (next->final_after == kNotSummed) continue;
    GradientBucket& last = buckets.back();
    if (Takes(last, *next, least_floats)) {
      last.begin = next->offset;
      last.final_after = std::min(last.final_after, next->final_after);
    } else {
      buckets.push_back({.begin = next->offset,
                         .end = next->offset + next->size(),
                         .final_after = next->final_after});
    }
  }
  std::stable_sort(buckets.begin(), buckets.end(),
                   [](const GradientBucket& a, const GradientBucket& b) {
                     return a.final_after > b.final_after;
                   });
  return buckets;
}

}  // namespace lockstep
