#include "server/goodput_metrics.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "google/protobuf/util/time_util.h"
#include "server/store/goodput.h"

namespace lockstep {
namespace {

using google::protobuf::util::TimeUtil;

constexpr double kMillisPerSecond = 1e3;

void AddGauge(prometheus::MetricFamily& family,
              std::vector<prometheus::ClientMetric::Label> labels,
              double value) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  metric.gauge.value = value;
  family.metric.push_back(std::move(metric));
}

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
  for (const std::string& name : metrics_.JobsShown()) {
    const absl::StatusOr<JobRow> row = store_.FindRow(name);
    if (!row.ok()) continue;
    const v1::Goodput goodput = GoodputAt(**row, clock_.WallTime());
    const std::string id(absl::StripPrefix(name, "jobs/"));
    std::map<std::string, double> seconds;
    double device_seconds = 0;
    for (const v1::Goodput::Share& share : goodput.shares()) {
      seconds[absl::AsciiStrToLower(v1::Goodput::Class_Name(share.class_()))] +=
          static_cast<double>(TimeUtil::DurationToMilliseconds(share.wall())) /
          kMillisPerSecond;
      device_seconds += share.device_seconds();
    }
    for (const auto& [what, value] : seconds) {
      AddGauge(time, {{"job_id", id}, {"class", what}}, value);
    }
    if (device_seconds > 0) AddGauge(ratio, {{"job_id", id}}, goodput.ratio());
  }
  std::vector<prometheus::MetricFamily> families;
  for (prometheus::MetricFamily* family : {&time, &ratio}) {
    if (!family->metric.empty()) families.push_back(std::move(*family));
  }
  return families;
}

}  // namespace lockstep
