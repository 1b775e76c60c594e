#include "worker/train/gradient_buckets.h"

#include <algorithm>

namespace lockstep {
namespace {

bool During(int64_t final_after) {
  return final_after != Parameter::kWholePass;
}

// Whether `bucket` takes in a neighbour that is final after `final_after`.
bool Takes(const GradientBucket& bucket, int64_t final_after,
           int64_t least_floats) {
  if (final_after == bucket.final_after) return true;
  return During(final_after) && During(bucket.final_after) &&
         bucket.end - bucket.begin < least_floats;
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
    GradientBucket& last = buckets.back();
    if (Takes(last, next->final_after, least_floats)) {
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
