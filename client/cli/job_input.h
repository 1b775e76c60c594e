#ifndef LOCKSTEP_CLIENT_CLI_JOB_INPUT_H_
#define LOCKSTEP_CLIENT_CLI_JOB_INPUT_H_

// The job file and the flags that change it, shared by submit, run and
// validate.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/command_context.h"
#include "client/cli/spec_file.h"

namespace lockstep::cli {

struct JobInput {
  std::string file;
  std::vector<std::string> settings;  // --set path=value
  std::vector<std::string> labels;    // --label key=value
  std::string name;

  void AddTo(CLI::App& app);

  // The file with all flags applied, paths absolute, and checked: its problems
  // are for ReportProblems. An error is one of the flags or of reading.
  absl::StatusOr<SpecFile> Load() const;
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_JOB_INPUT_H_
