#ifndef LOCKSTEP_CLIENT_CLI_SVG_CHART_H_
#define LOCKSTEP_CLIENT_CLI_SVG_CHART_H_

// Curves by step as an <svg> element for a page: axes with round ticks, a line
// a curve, and nothing that would have to be loaded. Where more points than
// columns are to be drawn, each column keeps its lowest and highest: no spike
// is lost.

#include <string>
#include <vector>

#include "client/cli/plot.h"

namespace lockstep::cli {

struct ChartCurve {
  std::string name;
  std::vector<PlotPoint> points;  // By rising x.
  // A CSS class, which gives it its colour.
  std::string style;
  // Few points that stand for themselves: drawn as dots, too.
  bool dots = false;
};

// Empty when no curve has a finite point. Points that are not finite are left
// out and counted below the title.
std::string RenderChart(const std::string& title,
                        const std::vector<ChartCurve>& curves);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_SVG_CHART_H_
