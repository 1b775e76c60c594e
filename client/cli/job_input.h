#ifndef LOCKSTEP_CLIENT_CLI_JOB_INPUT_H_
#define LOCKSTEP_CLIENT_CLI_JOB_INPUT_H_

// The job file and the flags that change it, shared by submit, run and
// validate; and those flags alone, for the spec of a job that is there.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/command_context.h"
#include "client/cli/spec_file.h"

namespace lockstep::cli {

struct SpecFlags {
  std::vector<std::string> settings;  // --set path=value
  std::vector<std::string> labels;    // --label key=value

  void AddTo(CLI::App& app);

  // An error is one of the flags.
  absl::Status ApplyTo(v1::JobSpec& spec) const;
};

struct JobInput {
  std::string file;
  SpecFlags flags;
  std::string name;

  void AddTo(CLI::App& app);

  // The file with all flags applied, paths absolute, and checked: its problems
  // are for ReportProblems. An error is one of the flags or of reading.
  absl::StatusOr<SpecFile> Load() const;
};

// Makes ids of models and relative paths absolute, and checks what was read.
void ResolveAndCheck(SpecFile& file);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_JOB_INPUT_H_
