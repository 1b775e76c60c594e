#include "worker/train/checkpoint_retention.h"

namespace lockstep {

std::vector<int64_t> SurplusCheckpoints(const std::set<int64_t>& steps,
                                        int limit,
                                        std::optional<int64_t> best) {
  std::vector<int64_t> surplus;
  if (steps.empty()) return surplus;
  const int64_t newest = *steps.rbegin();
  const bool has_best =
      best.has_value() && *best != newest && steps.contains(*best);
  // Beside those that stay whatever their age.
  const int others = limit - 1 - (has_best ? 1 : 0);
  int many = static_cast<int>(steps.size()) - 1 - (has_best ? 1 : 0) -
             (others > 0 ? others : 0);
  for (auto step = steps.begin(); many > 0; ++step) {
    if (*step == newest || (has_best && *step == *best)) continue;
    surplus.push_back(*step);
    --many;
  }
  return surplus;
}

}  // namespace lockstep
