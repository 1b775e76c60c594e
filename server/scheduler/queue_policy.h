#ifndef LOCKSTEP_SERVER_SCHEDULER_QUEUE_POLICY_H_
#define LOCKSTEP_SERVER_SCHEDULER_QUEUE_POLICY_H_

// The policy: one line for each kind of device, in the order of LineCursor.
//
// - The first that does not fit holds back those behind it from all devices
//   that it could have, so that a large job is never starved by small ones.
// - One that would be above the quota of its queue holds back those behind it
//   in that queue, and nobody else.
// - A job for which devices are kept starts on them, whoever is before it.
// - Backfill (EASY: D. Lifka, The ANL/IBM SP scheduling system, 1995): when it
//   is known until when the first that does not fit waits at the longest, one
//   behind it may start if it ends before that, or leaves it enough devices.
//   Without time limits nobody passes.

#include <vector>

#include "server/scheduler/scheduling_policy.h"

namespace lockstep {

class QueuePolicy : public SchedulingPolicy {
 public:
  // How many behind the first are looked at for backfill, as in Slurm
  // (bf_max_job_test).
  static constexpr int kMostLookedAt = 500;

  // Without backfill: strictly in the order of the line.
  explicit QueuePolicy(bool backfill = true) : backfill_(backfill) {}

  std::vector<SchedulingDecision> Decide(
      const SchedulingView& view) const override;

 private:
  const bool backfill_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_QUEUE_POLICY_H_
