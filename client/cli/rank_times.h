#ifndef LOCKSTEP_CLIENT_CLI_RANK_TIMES_H_
#define LOCKSTEP_CLIENT_CLI_RANK_TIMES_H_

// Where the time of each rank goes, and which holds the others up: a table of
// the newest attempt, for jobs describe.

#include <string>
#include <vector>

#include "lockstep/v1/job.pb.h"

namespace lockstep::cli {

std::vector<std::string> RankHeaders();

// A row a rank, the mean over the points that say so; none when none does.
// SLOWDOWN is the coordinator's word, which it has of attempts that live.
std::vector<std::vector<std::string>> RankRows(
    const v1::Job& job, const std::vector<v1::MetricPoint>& points);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_RANK_TIMES_H_
