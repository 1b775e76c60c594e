#ifndef LOCKSTEP_WORKER_PREPARE_PREPARE_H_
#define LOCKSTEP_WORKER_PREPARE_PREPARE_H_

// What happens to a job before it gets devices: its model, tokenizer, template,
// data and output folder are checked, its rows become tokens, its steps are
// counted. Everything a user can get wrong about files is found here, in a
// process that nothing else depends on.
//
// Runs once, on the thread that calls it; the scheduler starts the process.

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"
#include "worker/prepare/place.h"

namespace lockstep {

struct PrepareOptions {
  // As resolved by the coordinator.
  v1::JobSpec spec;
  // What the output folder is claimed for: no two jobs have the same.
  std::string owner;
  // Folder of the token caches; made when absent.
  std::string cache_dir;
  // When it is.
  absl::Time now;
  // Follows it.
  TellPlace at = [](const std::string&) {};
};

// The plan, with its token cache and the output folder on disk; or why there is
// none, and then no file is left of it. An error names the field, the file (and
// line), the value and what is allowed.
absl::StatusOr<v1::Plan> MakePlan(const PrepareOptions& options);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PREPARE_PREPARE_H_
