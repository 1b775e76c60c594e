#ifndef LOCKSTEP_CLIENT_CLI_CHROME_TRACE_H_
#define LOCKSTEP_CLIENT_CLI_CHROME_TRACE_H_

// What the ranks of a job did, in the Trace Event Format that Perfetto
// (ui.perfetto.dev) and chrome://tracing open: an attempt is a process, a rank
// a thread, and each step a slice with its spans inside.
// https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU

#include <cstddef>
#include <string>
#include <vector>

#include "client/cli/step_range.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep::cli {

struct ChromeTrace {
  std::string json;
  // Spans in it.
  size_t spans = 0;
};

// Of the spans that belong to `steps`. Ranks of several hosts are drawn by
// their own clocks.
ChromeTrace MakeChromeTrace(const v1::Job& job, const StepRange& steps,
                            const std::vector<v1::MetricPoint>& points);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_CHROME_TRACE_H_
