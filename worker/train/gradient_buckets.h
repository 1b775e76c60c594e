#ifndef LOCKSTEP_WORKER_TRAIN_GRADIENT_BUCKETS_H_
#define LOCKSTEP_WORKER_TRAIN_GRADIENT_BUCKETS_H_

// How the flat gradients are cut into ranges that are all-reduced one by one,
// each as soon as a backward pass has made it final, so that the ranks talk
// while they compute. All of it follows from the layout of the parameters, so
// that every rank cuts alike.
//
// Used by DataParallel.

#include <cstdint>
#include <vector>

#include "worker/model/parameters.h"

namespace lockstep {

// Below this a collective takes as long as a larger one: 32 MiB.
inline constexpr int64_t kLeastBucketFloats = int64_t{8} << 20;

// A Parameter::final_after whose gradient goes another way than by a sum.
inline constexpr int64_t kNotSummed = -2;

struct GradientBucket {
  // The range, in floats.
  int64_t begin = 0;
  int64_t end = 0;
  // As Parameter::final_after, of the latest in it.
  int64_t final_after = Parameter::kWholePass;
};

// Covers `parameters`, as Parameters lays them out, but for those marked
// kNotSummed, and the tail behind them, each float once, in the order in which
// they become final. Neighbours become one bucket until it has `least_floats`;
// what is final only with the whole pass is kept apart from what is earlier.
std::vector<GradientBucket> GradientBuckets(
    const std::vector<Parameter>& parameters,
    int64_t least_floats = kLeastBucketFloats);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_GRADIENT_BUCKETS_H_
