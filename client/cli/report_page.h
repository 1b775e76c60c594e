#ifndef LOCKSTEP_CLIENT_CLI_REPORT_PAGE_H_
#define LOCKSTEP_CLIENT_CLI_REPORT_PAGE_H_

// The page of `lockstep report`: one HTML file that holds all it shows, loads
// nothing and runs no script, so it can be mailed and kept. Several jobs stand
// side by side: their curves in one chart, their settings in columns, with what
// differs marked.

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/cli/describe_job.h"
#include "client/cli/metric_curves.h"
#include "lockstep/v1/cluster_service.pb.h"

namespace lockstep::cli {

struct JobReport {
  JobPicture picture;  // With all events.
  MetricCurves curves;
};

// Of one or two jobs of the coordinator that `server` describes.
std::string ReportPage(const std::vector<JobReport>& jobs,
                       const v1::ServerInfo& server, absl::Time now);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_REPORT_PAGE_H_
