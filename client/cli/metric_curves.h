#ifndef LOCKSTEP_CLIENT_CLI_METRIC_CURVES_H_
#define LOCKSTEP_CLIENT_CLI_METRIC_CURVES_H_

// The metric points of a job as one curve for each key, by step. A later
// attempt repeats steps of an earlier one: the last word counts.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/cli/plot.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep::cli {

class MetricCurves {
 public:
  // Points come in the order of their arrival.
  void Add(const v1::MetricPoint& point);

  // By rising step; empty for a key that no point has.
  std::vector<PlotPoint> Curve(absl::string_view key) const;
  // Sorted.
  std::vector<std::string> Keys() const;

 private:
  std::map<std::string, std::map<int64_t, double>, std::less<>> by_key_;
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_METRIC_CURVES_H_
