#ifndef LOCKSTEP_WORKER_IO_INPUT_FILES_H_
#define LOCKSTEP_WORKER_IO_INPUT_FILES_H_

// Which files a job starts from, and whether they are still the ones that were
// prepared. A model folder may be replaced while its job waits in the queue,
// and another model trained by the same numbers is a result that nobody wants.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep {

using InputFiles = std::vector<v1::InputFile>;

// Every file of a model folder that a job reads, with its digest: weights (in
// the order of WeightSource::files), config.json, then what CopyTokenizerFiles
// copies; and those of `adapter_dir` unless it is empty. `at` is told each path
// before it is read. Errors as of WeightSource::Open and Sha256OfFile.
absl::StatusOr<InputFiles> DigestInputs(
    const std::string& model_dir, const std::string& adapter_dir,
    const std::function<void(const std::string& path)>& at =
        [](const std::string&) {});

// FAILED_PRECONDITION names the first file that differs, is gone or is new, and
// both digests.
absl::Status CheckSameInputs(const InputFiles& prepared, const InputFiles& now);

// SHA-256 over config.json and the weights among `inputs`, for telling whether
// a checkpoint has the same base.
std::string DigestOfModel(const InputFiles& inputs,
                          const std::string& model_dir);

// config.json and what CopyTokenizerFiles copies, by name, as they are among
// `inputs`. FAILED_PRECONDITION as CheckSameInputs.
absl::StatusOr<std::map<std::string, std::string>> ReadSideFiles(
    const std::string& model_dir, const InputFiles& inputs);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_INPUT_FILES_H_
