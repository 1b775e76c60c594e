#ifndef LOCKSTEP_WORKER_OPTIM_LR_SCHEDULE_H_
#define LOCKSTEP_WORKER_OPTIM_LR_SCHEDULE_H_

// The learning rate of each optimizer step: Hugging Face's formulas, in which
// the first step of a warm-up has rate 0. A pure function of the step, so a
// resumed run needs no state.

#include <cstdint>

#include "lockstep/v1/job.pb.h"

namespace lockstep {

class LrSchedule {
 public:
  // `warmup` is a number of steps from 1 on, and a share of `total_steps`,
  // rounded up, below.
  LrSchedule(v1::TrainSpec::LrSchedulerType type, double peak, double warmup,
             int64_t total_steps);

  // Rate of the optimizer step that follows `steps_done` others.
  double At(int64_t steps_done) const;

 private:
  const v1::TrainSpec::LrSchedulerType type_;
  const double peak_;
  const int64_t warmup_steps_;
  const int64_t total_steps_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_OPTIM_LR_SCHEDULE_H_
