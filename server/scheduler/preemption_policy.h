#ifndef LOCKSTEP_SERVER_SCHEDULER_PREEMPTION_POLICY_H_
#define LOCKSTEP_SERVER_SCHEDULER_PREEMPTION_POLICY_H_

// Who gives way to a more urgent job. Pure: the same candidates give the same
// answer.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep {

// A job that holds devices and may be asked to give them up.
struct PreemptionCandidate {
  std::string job;
  int devices = 0;
  v1::ResourceSpec::Priority priority = v1::ResourceSpec::PRIORITY_NORMAL;
  // When its attempt began: the youngest has the least to lose.
  absl::Time started;
  // Order of creation; no two have the same.
  int64_t order = 0;
};

// As few as can free `wanted` devices: of all such sets the one with the least
// urgent jobs, so that none of those that are left is preempted next by one
// that had to go, and then with the youngest attempts. Empty when all together
// are not enough: nobody is disturbed in vain.
std::vector<std::string> ChooseVictims(
    int wanted, std::vector<PreemptionCandidate> candidates);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_PREEMPTION_POLICY_H_
