#ifndef LOCKSTEP_SERVER_METRICS_JOB_TALLY_H_
#define LOCKSTEP_SERVER_METRICS_JOB_TALLY_H_

// Counts jobs together: how many are in each state, how they ended, what
// started them again, how long they waited. Of ServerMetrics, under its lock.
//
// Counters begin with this process: what had happened before is not counted.

#include <map>

#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"
#include "server/metrics/metric_families.h"

namespace lockstep {

class ServerMetrics::JobTally {
 public:
  // What was counted of one job; there may be a hundred thousand.
  struct Seen {
    v1::Job::State state = v1::Job::STATE_UNSPECIFIED;
    bool waits = false;
    int attempts = 0;
    // For devices, before those attempts.
    float waited_seconds = 0;
  };

  // What happens from `since` on is counted.
  JobTally(Families& families, absl::Time since);

  // A job as it is now; `seen` is what was made of it before.
  void Take(const v1::Job& job, Seen& seen);
  void Remove(const Seen& seen);

  const std::map<v1::Job::State, int>& by_state() const { return by_state_; }

 private:
  void Move(Seen& seen, v1::Job::State state, bool waits);
  void CountAttempts(const v1::Job& job, Seen& seen);

  Families& families_;
  const absl::Time since_;
  // All there are.
  std::map<v1::Job::State, prometheus::Gauge*> states_;
  std::map<v1::Job::State, prometheus::Counter*> outcomes_;
  std::map<v1::Job::State, int> by_state_;
  prometheus::Gauge& depth_;
  int waiting_ = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_METRICS_JOB_TALLY_H_
