#ifndef LOCKSTEP_CLIENT_CLI_PLOT_H_
#define LOCKSTEP_CLIENT_CLI_PLOT_H_

// A curve in the terminal, drawn with braille characters (2 x 4 dots a cell) or
// plain ASCII. Where several points share a column, the column spans their
// minimum to their maximum: spikes are never lost to the screen's resolution.

#include <cstdint>
#include <string>
#include <vector>

namespace lockstep::cli {

struct PlotPoint {
  int64_t x = 0;
  double y = 0;
};

struct PlotOptions {
  std::string title;
  int width = 72;   // Cells of the whole picture; at least 20.
  int height = 16;  // Cells of the curve; at least 3.
  bool ascii = false;
};

// `points` by rising x. Points that are not finite are left out and counted in
// a last line.
std::string RenderPlot(const std::vector<PlotPoint>& points,
                       const PlotOptions& options);

// Round values (1, 2 or 5 times a power of ten apart) inside [low, high], at
// most `count`.
std::vector<double> Ticks(double low, double high, int count);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_PLOT_H_
