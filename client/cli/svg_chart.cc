#include "client/cli/svg_chart.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/axis.h"
#include "client/cli/html.h"

namespace lockstep::cli {
namespace {

// Of the picture, in its own units.
constexpr double kWidth = 640, kHeight = 250;
constexpr double kLeft = 62, kRight = 12, kTop = 10, kBottom = 24;
constexpr int64_t kColumns = 500;
// Differences of larger numbers, and ticks between closer ones, are no numbers.
constexpr double kLargest = 1e300, kSmallestHeight = 1e-290;

struct Scales {
  double x_low, x_high, y_low, y_high;

  double X(double x) const {
    return kLeft + (x - x_low) / (x_high - x_low) * (kWidth - kLeft - kRight);
  }
  double Y(double y) const {
    return kHeight - kBottom -
           (y - y_low) / (y_high - y_low) * (kHeight - kTop - kBottom);
  }
};

std::vector<PlotPoint> FiniteOf(const std::vector<PlotPoint>& points) {
  std::vector<PlotPoint> finite;
  for (const PlotPoint& point : points) {
    if (std::abs(point.y) <= kLargest) finite.push_back(point);
  }
  return finite;
}

// At most the first, the lowest and the highest and the last of each column.
std::vector<PlotPoint> Thinned(const std::vector<PlotPoint>& points,
                               const Scales& scales) {
  if (static_cast<int64_t>(points.size()) <= 2 * kColumns) return points;
  const auto column = [&scales](const PlotPoint& point) {
    return static_cast<int64_t>((static_cast<double>(point.x) - scales.x_low) /
                                (scales.x_high - scales.x_low) * kColumns);
  };
  std::vector<PlotPoint> kept;
  for (size_t begin = 0, end = 0; begin < points.size(); begin = end) {
    size_t low = begin, high = begin;
    while (end < points.size() &&
           column(points[end]) == column(points[begin])) {
      if (points[end].y < points[low].y) low = end;
      if (points[end].y > points[high].y) high = end;
      ++end;
    }
    std::vector<size_t> picked = {begin, low, high, end - 1};
    std::sort(picked.begin(), picked.end());
    picked.erase(std::unique(picked.begin(), picked.end()), picked.end());
    for (const size_t index : picked) kept.push_back(points[index]);
  }
  return kept;
}

Scales ScalesOf(const std::vector<ChartCurve>& curves) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Scales scales{kInfinity, -kInfinity, kInfinity, -kInfinity};
  for (const ChartCurve& curve : curves) {
    for (const PlotPoint& point : curve.points) {
      scales.x_low = std::min(scales.x_low, static_cast<double>(point.x));
      scales.x_high = std::max(scales.x_high, static_cast<double>(point.x));
      scales.y_low = std::min(scales.y_low, point.y);
      scales.y_high = std::max(scales.y_high, point.y);
    }
  }
  if (scales.x_low == scales.x_high) scales.x_high += 1;
  // Flat lines lie in the middle, others do not touch the edge.
  const double height = scales.y_high - scales.y_low;
  const double margin = height > kSmallestHeight
                            ? height * 0.04
                            : std::max(std::abs(scales.y_low) * 0.1, 1e-9);
  scales.y_low -= margin;
  scales.y_high += margin;
  return scales;
}

std::string TickText(double value) {
  return std::abs(value) < 1e-12 ? "0" : absl::StrFormat("%.6g", value);
}

std::string Axes(const Scales& scales) {
  std::string svg;
  for (const double y : Ticks(scales.y_low, scales.y_high, 5)) {
    absl::StrAppendFormat(
        &svg,
        "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" "
        "y2=\"%.1f\"/><text class=\"tick\" x=\"%.1f\" y=\"%.1f\" "
        "text-anchor=\"end\">%s</text>\n",
        kLeft, kWidth - kRight, scales.Y(y), scales.Y(y), kLeft - 6,
        scales.Y(y) + 4, TickText(y));
  }
  for (const double x : Ticks(scales.x_low, scales.x_high, 8)) {
    if (x != std::floor(x)) continue;  // There is no half step.
    absl::StrAppendFormat(&svg,
                          "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" "
                          "text-anchor=\"middle\">%.0f</text>\n",
                          scales.X(x), kHeight - 6, x);
  }
  return svg;
}

std::string CurveLine(const ChartCurve& curve, const Scales& scales) {
  std::string svg = absl::StrCat("<polyline class=\"", EscapeHtml(curve.style),
                                 "\" points=\"");
  const std::vector<PlotPoint> points = Thinned(curve.points, scales);
  for (const PlotPoint& point : points) {
    absl::StrAppendFormat(&svg, "%.1f,%.1f ",
                          scales.X(static_cast<double>(point.x)),
                          scales.Y(point.y));
  }
  absl::StrAppend(&svg, "\"/>\n");
  // A line of one point is none.
  if (!curve.dots && points.size() > 1) return svg;
  for (const PlotPoint& point : points) {
    absl::StrAppendFormat(
        &svg,
        "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" "
        "r=\"2.5\"><title>%s, step %d: %.6g</title>"
        "</circle>\n",
        EscapeHtml(curve.style), scales.X(static_cast<double>(point.x)),
        scales.Y(point.y), EscapeHtml(curve.name), point.x, point.y);
  }
  return svg;
}

std::string Legend(const std::vector<ChartCurve>& curves) {
  std::string html = "<p class=\"legend\">";
  for (const ChartCurve& curve : curves) {
    absl::StrAppendFormat(
        &html, "<span><i class=\"%s\"></i>%s <b>%.5g</b> at step %d</span> ",
        EscapeHtml(curve.style), EscapeHtml(curve.name), curve.points.back().y,
        curve.points.back().x);
  }
  return html + "</p>\n";
}

}  // namespace

std::string RenderChart(const std::string& title,
                        const std::vector<ChartCurve>& curves) {
  std::vector<ChartCurve> drawn;
  size_t lost = 0;
  for (const ChartCurve& curve : curves) {
    ChartCurve finite = curve;
    finite.points = FiniteOf(curve.points);
    lost += curve.points.size() - finite.points.size();
    if (!finite.points.empty()) drawn.push_back(std::move(finite));
  }
  if (drawn.empty()) return "";
  const Scales scales = ScalesOf(drawn);
  const std::string name = EscapeHtml(title);
  std::string html = absl::StrFormat(
      "<figure><figcaption>%s</figcaption>\n<svg viewBox=\"0 0 %.0f %.0f\" "
      "role=\"img\" aria-label=\"%s\">\n",
      name, kWidth, kHeight, name);
  absl::StrAppend(&html, Axes(scales));
  for (const ChartCurve& curve : drawn)
    absl::StrAppend(&html, CurveLine(curve, scales));
  absl::StrAppend(&html, "</svg>\n", Legend(drawn));
  if (lost > 0) {
    absl::StrAppend(&html, "<p class=\"note\">", lost,
                    " points are not finite and not shown</p>\n");
  }
  return html + "</figure>\n";
}

}  // namespace lockstep::cli
