#ifndef LOCKSTEP_CLIENT_CLI_DESCRIBE_JOB_H_
#define LOCKSTEP_CLIENT_CLI_DESCRIBE_JOB_H_

// The page of `jobs describe`, for people.

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep::cli {

// All that the coordinator knows of one job.
struct JobPicture {
  v1::Job job;
  std::vector<v1::Checkpoint> checkpoints;
  std::vector<v1::Event> events;  // The newest, oldest first.
  // Where the time of its ranks went in the newest steps; of the page alone.
  std::vector<v1::MetricPoint> rank_points;
};

std::string DescribeJob(const JobPicture& picture, absl::Time now);

// One object: job, checkpoints, events.
std::string DescribeJobAsJson(const JobPicture& picture);

// "15:04:05 INFO    STATE_CHANGED  QUEUED -> PREPARING: ..."
std::string EventLine(const v1::Event& event, absl::TimeZone zone);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_DESCRIBE_JOB_H_
