#include "worker/prepare/outcome.h"

#include <iostream>

#include "proto/contract/exit_code.h"
#include "worker/prepare/job_error.h"

namespace lockstep {

PrepareOutcome OutcomeOf(const absl::StatusOr<v1::Plan>& plan) {
  PrepareOutcome outcome;
  if (plan.ok()) {
    *outcome.report.mutable_plan() = *plan;
    outcome.exit_code = kOk;
  } else {
    *outcome.report.mutable_error() = ToJobError(plan.status());
    outcome.exit_code = ExitCodeOfInput(plan.status());
  }
  return outcome;
}

int Tell(const PrepareOutcome& outcome, Coordinator& coordinator) {
  const worker::v1::ReportPreparedRequest& report = outcome.report;
  if (report.has_error()) {
    std::cerr << "lockstep-worker prepare: " << report.error().message()
              << "\n";
  }
  for (const std::string& warning : report.plan().warnings()) {
    std::cerr << "warning: " << warning << "\n";
  }
  const absl::Status told =
      report.has_plan() ? coordinator.ReportPrepared(report.plan())
                        : coordinator.ReportPrepareFailed(report.error());
  if (told.ok()) return outcome.exit_code;
  std::cerr << "lockstep-worker prepare: cannot report: " << told.message()
            << "\n";
  return ExitCodeOfReport(told);
}

}  // namespace lockstep
