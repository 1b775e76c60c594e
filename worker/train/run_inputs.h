#ifndef LOCKSTEP_WORKER_TRAIN_RUN_INPUTS_H_
#define LOCKSTEP_WORKER_TRAIN_RUN_INPUTS_H_

// The files that an attempt starts from, held against what prepare saw: days
// may lie between the two, and the folder is the user's.

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lockstep/v1/job.pb.h"
#include "worker/io/input_files.h"

namespace lockstep {

struct RunInputs {
  InputFiles files;
  // config.json, tokenizer and template files by name: what the result gets.
  std::map<std::string, std::string> side_files;
};

// Reads them all, which for the weights takes a while: rank 0, once, after they
// were loaded. INPUT_CHANGED names the file that is not the one in `plan`. A
// plan of a release that did not list them agrees with any.
absl::StatusOr<RunInputs> CheckRunInputs(const v1::JobSpec& spec,
                                         const v1::Plan& plan);

// Reads all of a token cache. INPUT_CHANGED names the file that is damaged. One
// of a release that wrote no checksums is taken as it is.
absl::Status CheckCacheIsWhole(const std::string& dir);

// For a model that could not be loaded: INPUT_CHANGED when that is because it
// is no longer the one that was prepared, else `failure`.
absl::Status ExplainLoadFailure(const absl::Status& failure,
                                const v1::JobSpec& spec, const v1::Plan& plan);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_RUN_INPUTS_H_
