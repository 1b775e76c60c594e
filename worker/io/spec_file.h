#ifndef LOCKSTEP_WORKER_IO_SPEC_FILE_H_
#define LOCKSTEP_WORKER_IO_SPEC_FILE_H_

// A JobSpec as JSON, which is how the coordinator and the command line hand one
// to a subcommand.

#include <string>

#include "absl/status/statusor.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep {

// INVALID_ARGUMENT: not the JSON of a JobSpec, or larger than any can be.
absl::StatusOr<v1::JobSpec> ReadSpecFile(const std::string& path);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_SPEC_FILE_H_
