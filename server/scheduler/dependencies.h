#ifndef LOCKSTEP_SERVER_SCHEDULER_DEPENDENCIES_H_
#define LOCKSTEP_SERVER_SCHEDULER_DEPENDENCIES_H_

// spec.after of a new job. It can only name jobs that are there, and so comes
// after all of them: no circle can arise.

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep {

// The job of this name, or null.
using FindJob = absl::FunctionRef<const v1::Job*(const std::string& name)>;

// Names of those that have still to succeed, for the job of this name; empty
// while it has none. INVALID_SPEC, with all that are unknown, all that have
// ended otherwise and never will, and the job itself.
absl::StatusOr<std::vector<std::string>> FindDependencies(
    const std::string& job_name, const v1::JobSpec& spec, FindJob find);

// Why a job with such dependencies, of which there is one at least, waits.
std::string WaitsForInWords(const std::vector<std::string>& names);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_DEPENDENCIES_H_
