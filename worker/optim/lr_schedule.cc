#include "worker/optim/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lockstep {
namespace {

int64_t WarmupSteps(double warmup, int64_t total_steps) {
  if (warmup >= 1) return static_cast<int64_t>(warmup);
  return static_cast<int64_t>(std::ceil(warmup * total_steps));
}

}  // namespace

LrSchedule::LrSchedule(v1::TrainSpec::LrSchedulerType type, double peak,
                       double warmup, int64_t total_steps)
    : type_(type),
      peak_(peak),
      // Plain "constant" has no warm-up, whatever is asked for.
      warmup_steps_(type == v1::TrainSpec::LR_SCHEDULER_TYPE_CONSTANT
                        ? 0
                        : WarmupSteps(warmup, total_steps)),
      total_steps_(total_steps) {}

double LrSchedule::At(int64_t steps_done) const {
  if (steps_done < warmup_steps_) {
    return peak_ * steps_done / std::max<int64_t>(1, warmup_steps_);
  }
  const double after_warmup =
      static_cast<double>(std::max<int64_t>(1, total_steps_ - warmup_steps_));
  switch (type_) {
    case v1::TrainSpec::LR_SCHEDULER_TYPE_CONSTANT:
    case v1::TrainSpec::LR_SCHEDULER_TYPE_CONSTANT_WITH_WARMUP:
      return peak_;
    case v1::TrainSpec::LR_SCHEDULER_TYPE_COSINE: {
      const double progress = (steps_done - warmup_steps_) / after_warmup;
      return peak_ *
             std::max(0.0, 0.5 * (1 + std::cos(std::numbers::pi * progress)));
    }
    default:  // Linear; the others are refused before a job is accepted.
      return peak_ * std::max(0.0, (total_steps_ - steps_done) / after_warmup);
  }
}

}  // namespace lockstep
