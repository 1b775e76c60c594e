#include "client/cli/plot.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/dot_canvas.h"
#include "client/cli/format.h"

namespace lockstep::cli {
namespace {

struct Range {
  double low;
  double high;
};

Range RangeOfY(const std::vector<PlotPoint>& points) {
  Range range{points[0].y, points[0].y};
  for (const PlotPoint& point : points) {
    range.low = std::min(range.low, point.y);
    range.high = std::max(range.high, point.y);
  }
  if (range.low == range.high) {  // A flat line lies in the middle.
    const double margin = std::max(std::abs(range.low) * 0.1, 1e-9);
    range = {range.low - margin, range.high + margin};
  }
  return range;
}

// Maps a value in [low, high] to 0 .. count - 1.
int Scale(double value, double low, double high, int count) {
  if (high <= low) return 0;
  const double share = (value - low) / (high - low);
  return std::clamp(static_cast<int>(std::lround(share * (count - 1))), 0,
                    count - 1);
}

void DrawCurve(const std::vector<PlotPoint>& points, const Range& y,
               DotCanvas& canvas) {
  const auto column = [&](const PlotPoint& point) {
    return Scale(static_cast<double>(point.x),
                 static_cast<double>(points.front().x),
                 static_cast<double>(points.back().x), canvas.dots_wide());
  };
  const auto row = [&](const PlotPoint& point) {
    return canvas.dots_high() - 1 -
           Scale(point.y, y.low, y.high, canvas.dots_high());
  };
  canvas.Line(column(points[0]), row(points[0]), column(points[0]),
              row(points[0]));
  for (size_t i = 1; i < points.size(); ++i) {
    canvas.Line(column(points[i - 1]), row(points[i - 1]), column(points[i]),
                row(points[i]));
  }
}

// Enough digits to tell neighbouring ticks apart.
std::string TickLabel(double value, double step) {
  if (std::abs(value) < step * 1e-6) value = 0;
  if (step < 1e-4 || std::abs(value) >= 1e6) {
    return absl::StrFormat("%.1e", value);
  }
  const int digits =
      std::clamp(static_cast<int>(-std::floor(std::log10(step) + 1e-9)), 0, 5);
  return absl::StrFormat("%.*f", digits, value);
}

// Cell row -> label of the tick that lies in it.
std::map<int, std::string> TickRows(const Range& y, int height) {
  const std::vector<double> ticks =
      Ticks(y.low, y.high, std::max(2, height / 2));
  const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : y.high - y.low;
  std::map<int, std::string> rows;
  for (double tick : ticks) {
    rows[height - 1 - Scale(tick, y.low, y.high, height)] =
        TickLabel(tick, step);
  }
  return rows;
}

std::string XAxis(int64_t first, int64_t last, size_t margin, int width) {
  const std::string left = absl::StrCat(first);
  const std::string right = absl::StrCat(last);
  if (first == last) return std::string(margin, ' ') + left + "\n";
  const size_t used = left.size() + right.size();
  const size_t gap =
      static_cast<size_t>(width) > used ? static_cast<size_t>(width) - used : 1;
  return absl::StrCat(std::string(margin, ' '), left, std::string(gap, ' '),
                      right, "\n");
}

std::string Draw(const std::vector<PlotPoint>& points,
                 const PlotOptions& options) {
  const int height = std::max(options.height, 3);
  const Range y = RangeOfY(points);
  const std::map<int, std::string> ticks = TickRows(y, height);
  size_t labels = 0;
  for (const auto& [row, label] : ticks)
    labels = std::max(labels, label.size());
  const int width = std::max(options.width, 20) - static_cast<int>(labels) - 2;
  DotCanvas canvas(width, height, options.ascii);
  DrawCurve(points, y, canvas);
  std::string text;
  for (int row = 0; row < height; ++row) {
    const auto tick = ticks.find(row);
    const std::string label = tick == ticks.end() ? "" : tick->second;
    const char* axis = label.empty() ? (options.ascii ? "|" : "│")
                                     : (options.ascii ? "+" : "┤");
    absl::StrAppend(&text, std::string(labels - label.size(), ' '), label, " ",
                    axis, canvas.Row(row), "\n");
  }
  return text + XAxis(points.front().x, points.back().x, labels + 2, width);
}

}  // namespace

std::vector<double> Ticks(double low, double high, int count) {
  const double rough = (high - low) / std::max(count, 1);
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  const auto first = static_cast<int64_t>(std::ceil(low / step - 1e-9));
  const auto last = static_cast<int64_t>(std::floor(high / step + 1e-9));
  for (int64_t i = first; i <= last; ++i) {
    ticks.push_back(static_cast<double>(i) * step);
  }
  return ticks;
}

std::string RenderPlot(const std::vector<PlotPoint>& points,
                       const PlotOptions& options) {
  std::vector<PlotPoint> finite;
  for (const PlotPoint& point : points) {
    if (std::isfinite(point.y)) finite.push_back(point);
  }
  std::string text = options.title.empty() ? "" : options.title + "\n";
  absl::StrAppend(&text,
                  finite.empty() ? "no points\n" : Draw(finite, options));
  if (finite.size() < points.size()) {
    absl::StrAppend(&text, points.size() - finite.size(),
                    " points are not finite and not shown\n");
  }
  return text;
}

}  // namespace lockstep::cli
