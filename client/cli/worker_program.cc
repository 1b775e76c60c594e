#include "client/cli/worker_program.h"

#include "client/cli/child_process.h"
#include "proto/contract/exit_code.h"

namespace lockstep::cli {

ExitStatus RunWorkerProgram(const CommandContext& context,
                            std::vector<std::string> words) {
  const absl::StatusOr<std::string> worker = SiblingProgram("lockstep-worker");
  if (!worker.ok()) {
    return ReportError(context.console, ExitStatus::kFailed,
                       worker.status().message());
  }
  words.insert(words.begin(), *worker);
  absl::StatusOr<ChildProcess> child = ChildProcess::Start(words);
  if (!child.ok()) return context.Report(child.status());
  switch (child->Wait()) {
    case kOk:
      return ExitStatus::kSuccess;
    case kUsage:
      return ExitStatus::kUsage;
    default:
      return ExitStatus::kFailed;
  }
}

}  // namespace lockstep::cli
