#include "server/events/step_index.h"

#include <algorithm>

namespace lockstep {
namespace {

constexpr int64_t kStretchBytes = 64 << 10;

}  // namespace

void StepIndex::Add(int64_t position, int64_t least_step,
                    int64_t greatest_step) {
  if (stretches_.empty() ||
      position - stretches_.back().begin >= kStretchBytes) {
    stretches_.push_back({position, least_step, greatest_step});
    return;
  }
  Stretch& last = stretches_.back();
  last.least_step = std::min(last.least_step, least_step);
  last.greatest_step = std::max(last.greatest_step, greatest_step);
}

int64_t StepIndex::Skip(int64_t position, const StepBounds& steps,
                        int64_t end) const {
  if (position < 0 || position >= end) return position;
  auto next = std::upper_bound(stretches_.begin(), stretches_.end(), position,
                               [](int64_t place, const Stretch& stretch) {
                                 return place < stretch.begin;
                               });
  if (next == stretches_.begin()) return position;
  for (auto stretch = next - 1; stretch != stretches_.end(); ++stretch) {
    if (stretch->greatest_step >= steps.first &&
        (steps.last == 0 || stretch->least_step <= steps.last)) {
      return std::max(position, stretch->begin);
    }
  }
  return end;
}

}  // namespace lockstep
