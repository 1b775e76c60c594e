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

  // One line of cells as UTF-8, without trailing blanks.
  std::string Row(int row) const;

 private:
  void Set(int x, int y) { dots_[y * dots_wide() + x] = true; }
  std::string Cell(int column, int row) const;

  const int width_;
  const int height_;
  const bool ascii_;
  const int columns_;  // Dots in a cell.
  const int rows_;
  std::vector<bool> dots_;
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_DOT_CANVAS_H_
