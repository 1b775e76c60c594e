#include "client/cli/smoothing.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lockstep::cli {

std::vector<PlotPoint> Smoothed(std::vector<PlotPoint> points, double weight) {
  const auto is_first = [&points](const PlotPoint& point) {
    return point.y == points.front().y;
  };
  if (std::all_of(points.begin(), points.end(), is_first)) return points;
  constexpr double kLargest = std::numeric_limits<double>::max();
  double average = 0;
  double still_missing = 1;  // weight^i
  for (PlotPoint& point : points) {
    if (!std::isfinite(point.y)) continue;
    average = weight * average + (1 - weight) * point.y;
    still_missing *= weight;
    // Near the largest double the division may round beyond it.
    point.y = std::clamp(average / (1 - still_missing), -kLargest, kLargest);
  }
  return points;
}

}  // namespace lockstep::cli
