#include "client/cli/dot_canvas.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace lockstep::cli {
namespace {

// U+2800 + bits; the bit of each dot by row and column.
constexpr unsigned kBraille = 0x2800;
constexpr unsigned kBit[4][2] = {
    {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

std::string Utf8(unsigned code) {
  return {static_cast<char>(0xe0 | code >> 12),
          static_cast<char>(0x80 | (code >> 6 & 0x3f)),
          static_cast<char>(0x80 | (code & 0x3f))};
}

}  // namespace

DotCanvas::DotCanvas(int width, int height, bool ascii)
    : width_(width),
      height_(height),
      columns_(ascii ? 1 : 2),
      rows_(ascii ? 1 : 4),
      dots_(static_cast<size_t>(dots_wide()) * dots_high()) {}

void DotCanvas::Line(int x0, int y0, int x1, int y1) {
  const int steps = std::max({std::abs(x1 - x0), std::abs(y1 - y0), 1});
  for (int i = 0; i <= steps; ++i) {
    const double share = static_cast<double>(i) / steps;
    Set(x0 + static_cast<int>(std::lround((x1 - x0) * share)),
        y0 + static_cast<int>(std::lround((y1 - y0) * share)));
  }
}

unsigned DotCanvas::Dots(int column, int row) const {
  unsigned bits = 0;
  for (int y = 0; y < rows_; ++y) {
    for (int x = 0; x < columns_; ++x) {
      if (dots_[(row * rows_ + y) * dots_wide() + column * columns_ + x]) {
        bits |= kBit[y][x];
      }
    }
  }
  return bits;
}

std::string Braille(unsigned dots) { return Utf8(kBraille + dots); }

}  // namespace lockstep::cli
