#ifndef LOCKSTEP_CLIENT_CLI_REPORT_FACTS_H_
#define LOCKSTEP_CLIENT_CLI_REPORT_FACTS_H_

// What a report says of a job in words and numbers, as (name, value) in the
// order in which people ask. What is not known has no fact.

#include <string>
#include <utility>
#include <vector>

#include "client/cli/describe_job.h"
#include "client/cli/metric_curves.h"
#include "lockstep/v1/cluster_service.pb.h"

namespace lockstep::cli {

using Facts = std::vector<std::pair<std::string, std::string>>;

// How it went: state, times, losses, speed.
Facts OutcomeFacts(const v1::Job& job, const MetricCurves& curves);
// What it learned from: the plan's numbers.
Facts DataFacts(const v1::Plan& plan);
// Each field of the resolved job file by its path, as in train.learning_rate.
Facts SpecFacts(const v1::JobSpec& spec);
// What it ran on: release, devices of the newest attempt, files of the model.
Facts EnvironmentFacts(const v1::Job& job, const v1::ServerInfo& server);

// "1970-01-01 00:16:40 UTC"; empty when not set.
std::string TimeText(const google::protobuf::Timestamp& time);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_REPORT_FACTS_H_
