#include "server/goodput_metrics.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "google/protobuf/util/time_util.h"
#include "server/metric_family.h"
#include "server/store/goodput.h"

namespace lockstep {
namespace {

using google::protobuf::util::TimeUtil;

constexpr double kMillisPerSecond = 1e3;

}  // namespace

std::vector<prometheus::MetricFamily> GoodputMetrics::Collect() const {
  prometheus::MetricFamily time{"lockstep_job_time_seconds",
                                "Wall time of the job by what it was spent on.",
                                prometheus::MetricType::Gauge,
                                {}};
  prometheus::MetricFamily ratio{
      "lockstep_train_goodput_ratio",
      "Share of the device time of the job that went to steps that count.",
      prometheus::MetricType::Gauge,
      {}};
  // Of all jobs together: by job, each cause would be a series of a thousand.
  prometheus::MetricFamily devices{
      "lockstep_goodput_device_seconds",
      "Device time of the jobs shown here by what it was spent on, and why.",
      prometheus::MetricType::Gauge,
      {}};
  std::map<std::pair<std::string, std::string>, double> held;
  for (const std::string& name : metrics_.JobsShown()) {
    const absl::StatusOr<JobRow> row = store_.FindRow(name);
    if (!row.ok()) continue;
    const v1::Goodput goodput = GoodputAt(**row, clock_.WallTime());
    const std::string id(absl::StripPrefix(name, "jobs/"));
    std::map<std::string, double> seconds;
    double device_seconds = 0;
    for (const v1::Goodput::Share& share : goodput.shares()) {
      const std::string what =
          absl::AsciiStrToLower(v1::Goodput::Class_Name(share.class_()));
      seconds[what] +=
          static_cast<double>(TimeUtil::DurationToMilliseconds(share.wall())) /
          kMillisPerSecond;
      device_seconds += share.device_seconds();
      if (share.device_seconds() > 0) {
        held[{what, absl::AsciiStrToLower(share.cause())}] +=
            share.device_seconds();
      }
    }
    for (const auto& [what, value] : seconds) {
      AddGauge(time, {{"job_id", id}, {"class", what}}, value);
    }
    if (device_seconds > 0) AddGauge(ratio, {{"job_id", id}}, goodput.ratio());
  }
  for (const auto& [place, value] : held) {
    AddGauge(devices, {{"class", place.first}, {"cause", place.second}}, value);
  }
  std::vector<prometheus::MetricFamily> families;
  for (prometheus::MetricFamily* family : {&time, &ratio, &devices}) {
    if (!family->metric.empty()) families.push_back(std::move(*family));
  }
  return families;
}

}  // namespace lockstep
