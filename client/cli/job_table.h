#ifndef LOCKSTEP_CLIENT_CLI_JOB_TABLE_H_
#define LOCKSTEP_CLIENT_CLI_JOB_TABLE_H_

// The row of a job in `lockstep jobs list`.

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep::cli {

std::vector<std::string> JobListHeaders();
// As many cells as there are headers; the last is its age.
std::vector<std::string> JobListCells(const v1::Job& job, absl::Time now);

// "420/1200"; empty while the number of steps is not known.
std::string StepText(const v1::Job& job);
// Empty before the first step.
std::string LossText(const v1::Job& job);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_JOB_TABLE_H_
