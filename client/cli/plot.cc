#include "client/cli/plot.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/axis.h"
#include "client/cli/dot_canvas.h"
#include "client/cli/format.h"
#include "client/cli/smoothing.h"

namespace lockstep::cli {
namespace {

constexpr Style kColors[] = {Style::kCyan,  Style::kYellow, Style::kMagenta,
                             Style::kGreen, Style::kBlue,   Style::kRed};

// The points that have a place, and how many have none.
struct Drawable {
  std::vector<PlotPoint> points;
  size_t not_finite = 0;
  size_t not_positive = 0;
};

Drawable DrawableOf(const std::vector<PlotPoint>& points, bool log_y) {
  Drawable drawable;
  for (const PlotPoint& point : points) {
    if (!std::isfinite(point.y)) {
      ++drawable.not_finite;
    } else if (log_y && point.y <= 0) {
      ++drawable.not_positive;
    } else {
      drawable.points.push_back(point);
    }
  }
  return drawable;
}

// A curve with its own dots; what is drawn first lies below.
struct Layer {
  std::vector<PlotPoint> points;
  Style style = Style::kPlain;
  char letter = '*';
  bool is_raw = false;
};

char LetterOf(size_t curve) { return static_cast<char>('A' + curve % 26); }

Style StyleOf(size_t curve, const PlotOptions& options) {
  return options.color ? kColors[curve % std::size(kColors)] : Style::kPlain;
}

// What is to be seen; counts what is not.
std::vector<Layer> LayersOf(const std::vector<PlotCurve>& curves,
                            const PlotOptions& options, Drawable& left_out) {
  std::vector<Layer> layers, raw;
  for (size_t i = 0; i < curves.size(); ++i) {
    const char letter = curves.size() > 1 ? LetterOf(i) : '*';
    Drawable drawable = DrawableOf(curves[i].points, options.log_y);
    left_out.not_finite += drawable.not_finite;
    left_out.not_positive += drawable.not_positive;
    if (options.smoothing > 0) {
      if (options.color) {
        raw.push_back({drawable.points, Style::kFaint, letter, true});
      }
      drawable.points = Smoothed(std::move(drawable.points), options.smoothing);
    }
    layers.push_back(
        {std::move(drawable.points), StyleOf(i, options), letter, false});
  }
  raw.insert(raw.end(), layers.begin(), layers.end());
  std::erase_if(raw, [](const Layer& layer) { return layer.points.empty(); });
  return raw;
}

struct Bounds {
  int64_t first, last;
  double low, high;
};

Bounds BoundsOf(const std::vector<Layer>& layers) {
  const PlotPoint& any = layers[0].points[0];
  Bounds bounds{any.x, any.x, any.y, any.y};
  for (const Layer& layer : layers) {
    bounds.first = std::min(bounds.first, layer.points.front().x);
    bounds.last = std::max(bounds.last, layer.points.back().x);
    for (const PlotPoint& point : layer.points) {
      bounds.low = std::min(bounds.low, point.y);
      bounds.high = std::max(bounds.high, point.y);
    }
  }
  return bounds;
}

DotCanvas CanvasOf(const Layer& layer, const Bounds& bounds,
                   const ValueAxis& axis, int width,
                   const PlotOptions& options) {
  DotCanvas canvas(width, options.height, options.ascii);
  const auto steps = static_cast<double>(bounds.last - bounds.first);
  const auto column = [&](const PlotPoint& point) {
    if (steps <= 0) return 0;
    const double share = static_cast<double>(point.x - bounds.first) / steps;
    return static_cast<int>(std::lround(share * (canvas.dots_wide() - 1)));
  };
  const auto row = [&](const PlotPoint& point) {
    return canvas.dots_high() - 1 - axis.Place(point.y, canvas.dots_high());
  };
  PlotPoint before = layer.points[0];
  for (const PlotPoint& point : layer.points) {
    canvas.Line(column(before), row(before), column(point), row(point));
    before = point;
  }
  return canvas;
}

// The part of the picture in which the curves are.
struct Area {
  int top, left, width, height;
};

void DrawCells(const std::vector<Layer>& layers,
               const std::vector<DotCanvas>& canvases, const Area& area,
               bool ascii, Frame& frame) {
  for (int row = 0; row < area.height; ++row) {
    for (int column = 0; column < area.width; ++column) {
      unsigned dots = 0;
      const Layer* top = nullptr;
      for (size_t i = 0; i < layers.size(); ++i) {
        const unsigned own = canvases[i].Dots(column, row);
        if (own != 0) top = &layers[i];
        dots |= own;
      }
      if (top == nullptr) continue;
      frame.Write(area.top + row, area.left + column,
                  ascii ? std::string(1, top->letter) : Braille(dots),
                  top->style);
    }
  }
}

// A letter now and then, each curve's at columns of its own.
void DrawLetters(const std::vector<Layer>& layers,
                 const std::vector<DotCanvas>& canvases, const Area& area,
                 size_t curves, Frame& frame) {
  constexpr int kRepeats = 4;
  const int count = kRepeats * static_cast<int>(curves);
  for (size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].is_raw) continue;
    for (int repeat = 0; repeat < kRepeats; ++repeat) {
      const int place =
          repeat * static_cast<int>(curves) + (layers[i].letter - 'A');
      const int column = area.width * place / count;
      for (int row = 0; row < area.height; ++row) {
        if (canvases[i].Dots(column, row) == 0) continue;
        frame.Write(area.top + row, area.left + column,
                    std::string(1, layers[i].letter), layers[i].style);
        break;
      }
    }
  }
}

// "A qwen   B llama", in as many lines as it takes.
std::vector<std::string> LegendLines(const std::vector<PlotCurve>& curves,
                                     int width) {
  std::vector<std::string> lines;
  for (size_t i = 0; curves.size() > 1 && i < curves.size(); ++i) {
    const std::string entry =
        absl::StrCat(std::string(1, LetterOf(i)), " ", curves[i].name);
    const size_t used = lines.empty() ? 0 : DisplayWidth(lines.back());
    if (used > 0 &&
        used + 3 + DisplayWidth(entry) <= static_cast<size_t>(width)) {
      absl::StrAppend(&lines.back(), "   ", entry);
    } else {
      lines.push_back(entry);
    }
  }
  return lines;
}

void DrawStepAxis(const Bounds& bounds, const Area& area, Frame& frame) {
  const int row = area.top + area.height;
  frame.Write(row, area.left, absl::StrCat(bounds.first));
  if (bounds.first == bounds.last) return;
  const std::string last = absl::StrCat(bounds.last);
  frame.Write(row, area.left + area.width - static_cast<int>(last.size()),
              last);
}

void DrawValueAxis(const std::map<int, std::string>& ticks, const Area& area,
                   bool ascii, Frame& frame) {
  for (int row = 0; row < area.height; ++row) {
    const auto tick = ticks.find(area.height - 1 - row);
    const bool has_tick = tick != ticks.end();
    if (has_tick) {
      frame.Write(area.top + row,
                  area.left - 2 - static_cast<int>(tick->second.size()),
                  tick->second);
    }
    const char* line = has_tick ? (ascii ? "+" : "┤") : (ascii ? "|" : "│");
    frame.Write(area.top + row, area.left - 1, line);
  }
}

Frame Draw(const std::vector<PlotCurve>& curves,
           const std::vector<Layer>& layers, const PlotOptions& options) {
  const Bounds bounds = BoundsOf(layers);
  const ValueAxis axis(bounds.low, bounds.high, options.log_y);
  const std::map<int, std::string> ticks = axis.TickLabels(options.height);
  size_t labels = 0;
  for (const auto& [place, label] : ticks) {
    labels = std::max(labels, label.size());
  }
  const int left = static_cast<int>(labels) + 2;
  const Area area{options.title.empty() ? 0 : 1, left,
                  std::max(options.width - left, 1), options.height};
  const std::vector<std::string> legend = LegendLines(curves, options.width);
  Frame frame(options.width,
              area.top + area.height + 1 + static_cast<int>(legend.size()));
  frame.Write(0, 0, options.title);
  DrawValueAxis(ticks, area, options.ascii, frame);
  std::vector<DotCanvas> canvases;
  canvases.reserve(layers.size());
  for (const Layer& layer : layers) {
    canvases.push_back(CanvasOf(layer, bounds, axis, area.width, options));
  }
  DrawCells(layers, canvases, area, options.ascii, frame);
  if (curves.size() > 1 && !options.ascii) {
    DrawLetters(layers, canvases, area, curves.size(), frame);
  }
  DrawStepAxis(bounds, area, frame);
  for (size_t i = 0; i < legend.size(); ++i) {
    frame.Write(area.top + area.height + 1 + static_cast<int>(i), 0, legend[i]);
  }
  return frame;
}

Frame NoPoints(const PlotOptions& options) {
  Frame frame(options.width, options.title.empty() ? 1 : 2);
  frame.Write(0, 0, options.title);
  frame.Write(frame.height() - 1, 0, "no points");
  return frame;
}

std::string LeftOut(size_t count, const std::string& what) {
  return absl::StrCat(count, count == 1 ? " point is " : " points are ", what,
                      " and not shown");
}

}  // namespace

PlotPicture DrawPlot(const std::vector<PlotCurve>& curves,
                     const PlotOptions& wanted) {
  PlotOptions options = wanted;
  options.width = std::max(options.width, 20);
  options.height = std::max(options.height, 3);
  Drawable left_out;
  const std::vector<Layer> layers = LayersOf(curves, options, left_out);
  PlotPicture picture;
  picture.frame =
      layers.empty() ? NoPoints(options) : Draw(curves, layers, options);
  if (left_out.not_finite > 0) {
    picture.notes.push_back(LeftOut(left_out.not_finite, "not finite"));
  }
  if (left_out.not_positive > 0) {
    picture.notes.push_back(LeftOut(left_out.not_positive, "not above 0"));
  }
  return picture;
}

std::string RenderPlot(const std::vector<PlotCurve>& curves,
                       const PlotOptions& options) {
  const PlotPicture picture = DrawPlot(curves, options);
  std::string text =
      options.color ? picture.frame.StyledText() : picture.frame.Text();
  for (const std::string& note : picture.notes) text += note + "\n";
  return text;
}

}  // namespace lockstep::cli
