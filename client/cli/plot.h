#ifndef LOCKSTEP_CLIENT_CLI_PLOT_H_
#define LOCKSTEP_CLIENT_CLI_PLOT_H_

// Curves in the terminal, drawn with braille characters (2 x 4 dots a cell) or
// plain ASCII. Where several points share a column, the column spans their
// minimum to their maximum: spikes are never lost to the screen's resolution.
// Several curves are told apart by a letter that lies on each, and by their
// colours where there are colours.

#include <cstdint>
#include <string>
#include <vector>

#include "client/cli/frame.h"

namespace lockstep::cli {

struct PlotPoint {
  int64_t x = 0;
  double y = 0;
};

struct PlotCurve {
  std::string name;               // In the legend, when there are several.
  std::vector<PlotPoint> points;  // By rising x.
};

struct PlotOptions {
  std::string title;
  int width = 72;   // Cells of the whole picture; at least 20.
  int height = 16;  // Cells of the curves; at least 3.
  bool ascii = false;
  bool color = false;
  bool log_y = false;    // Powers of ten are equally far apart.
  double smoothing = 0;  // In [0, 1): the weight of smoothing.h.
};

struct PlotPicture {
  Frame frame{0, 0};
  // What is not in the picture; each a line.
  std::vector<std::string> notes;
};

// Points that are not finite, or that have no place on a logarithmic axis, are
// left out and counted in a note. With smoothing and colours the points
// themselves are there too, faintly.
PlotPicture DrawPlot(const std::vector<PlotCurve>& curves,
                     const PlotOptions& options);

// The picture and its notes as lines.
std::string RenderPlot(const std::vector<PlotCurve>& curves,
                       const PlotOptions& options);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_PLOT_H_
