#include "worker/train/checkpoint_retention.h"

#include <algorithm>
#include <cstddef>

namespace lockstep {

std::vector<int64_t> SurplusCheckpoints(const std::set<int64_t>& steps,
                                        int limit,
                                        std::optional<int64_t> best) {
  std::vector<int64_t> surplus;
  if (steps.empty()) return surplus;
  const int64_t newest = *steps.rbegin();
  const bool has_best =
      best.has_value() && *best != newest && steps.contains(*best);
  // The newest and the best stay whatever the limit is.
  const size_t stay = std::max<size_t>(limit, has_best ? 2 : 1);
  for (const int64_t step : steps) {
    if (steps.size() - surplus.size() <= stay) break;
    if (step != newest && step != best) surplus.push_back(step);
  }
  return surplus;
}

}  // namespace lockstep
