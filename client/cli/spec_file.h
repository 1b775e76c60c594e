#ifndef LOCKSTEP_CLIENT_CLI_SPEC_FILE_H_
#define LOCKSTEP_CLIENT_CLI_SPEC_FILE_H_

// A job file: YAML in, JobSpec out, every problem with file, line and column.
//
// Relative paths in the file are relative to the file's folder, so a job means
// the same wherever it is submitted from.

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/yaml_message.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep::cli {

struct SpecFile {
  std::string name;    // As the user gave it; for messages.
  std::string folder;  // Absolute; what relative paths are relative to.
  v1::JobSpec spec;
  std::vector<SpecProblem> problems;
  std::map<std::string, Position> positions;
};

// Parses `text`. Pure.
SpecFile ParseSpec(absl::string_view name, absl::string_view folder,
                   const std::string& text);

// Reads and parses a file; "-" is standard input, whose paths are relative to
// the working folder. INVALID_ARGUMENT names a file that cannot be read.
absl::StatusOr<SpecFile> ReadSpecFile(const std::string& name);

// Applies `--set path=value`: train.learning_rate=1e-4, data.train[0].path=x,
// labels.team=nlp. The value is YAML. INVALID_ARGUMENT says what is wrong.
absl::Status ApplySetting(absl::string_view setting, v1::JobSpec* spec);

// Makes model.path, model.adapter, data paths and output_dir absolute.
void ResolvePaths(SpecFile* file);

// Adds what the rules of job_spec.h refuse, at the place of each field. The
// spec keeps only what the user wrote: the coordinator fills the defaults in.
void CheckSpec(SpecFile* file);

// "job.yaml:12:5: train.lerning_rate: unknown field; ...".
std::string FormatProblem(const SpecFile& file, const SpecProblem& problem);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_SPEC_FILE_H_
