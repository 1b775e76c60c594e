#ifndef LOCKSTEP_SERVER_SIMULATE_TRACE_H_
#define LOCKSTEP_SERVER_SIMULATE_TRACE_H_

// A trace of jobs, one a line: CSV with a header line, or JSON lines with the
// same names. Times are seconds.
//
//   submit_time  when it was submitted, from any beginning
//   duration     how long it runs
//   devices      GPUs it runs on
//   timeout      its time limit; none when empty or left out
//   priority     low, normal or high [normal]
//   queue        id of its queue [default]
//   owner        who submitted it [local]

#include <istream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep {

struct TraceJob {
  absl::Duration submitted;
  absl::Duration duration;
  int devices = 1;
  absl::Duration timeout = absl::InfiniteDuration();
  v1::ResourceSpec::Priority priority = v1::ResourceSpec::PRIORITY_NORMAL;
  std::string queue;
  std::string owner;
};

// By submit time; those of one time in the order of their lines.
// INVALID_ARGUMENT with the line, the field, its value and what is allowed.
absl::StatusOr<std::vector<TraceJob>> ReadTrace(std::istream& lines);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SIMULATE_TRACE_H_
