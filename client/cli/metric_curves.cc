#include "client/cli/metric_curves.h"

namespace lockstep::cli {

void MetricCurves::Add(const v1::MetricPoint& point) {
  for (const auto& [key, value] : point.values()) {
    by_key_[key][point.step()] = value;
  }
}

std::vector<PlotPoint> MetricCurves::Curve(absl::string_view key) const {
  std::vector<PlotPoint> points;
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return points;
  points.reserve(found->second.size());
  for (const auto& [step, value] : found->second) {
    points.push_back({step, value});
  }
  return points;
}

std::vector<std::string> MetricCurves::Keys() const {
  std::vector<std::string> keys;
  keys.reserve(by_key_.size());
  for (const auto& [key, curve] : by_key_) keys.push_back(key);
  return keys;
}

}  // namespace lockstep::cli
