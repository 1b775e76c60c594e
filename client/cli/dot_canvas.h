#ifndef LOCKSTEP_CLIENT_CLI_DOT_CANVAS_H_
#define LOCKSTEP_CLIENT_CLI_DOT_CANVAS_H_

// A black and white picture made of characters: braille with 2 x 4 dots a
// cell, or ASCII with one.

#include <string>
#include <vector>

namespace lockstep::cli {

class DotCanvas {
 public:
  DotCanvas(int width, int height, bool ascii);

  int dots_wide() const { return width_ * columns_; }
  int dots_high() const { return height_ * rows_; }

  // Sets the dots between two points, both included; (0, 0) is top left.
  void Line(int x0, int y0, int x1, int y1);

  // The dots of a cell as bits; those of several canvases may be joined.
  unsigned Dots(int column, int row) const;

 private:
  void Set(int x, int y) { dots_[y * dots_wide() + x] = true; }

  const int width_;
  const int height_;
  const int columns_;  // Dots in a cell.
  const int rows_;
  std::vector<bool> dots_;
};

// The braille character of these dots, as UTF-8.
std::string Braille(unsigned dots);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_DOT_CANVAS_H_
