#ifndef LOCKSTEP_CLIENT_CLI_FRAME_H_
#define LOCKSTEP_CLIENT_CLI_FRAME_H_

// A picture of the whole terminal, and what to send so that it shows the next
// one: only the cells that changed.

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace lockstep::cli {

enum class Style {
  kPlain,
  kBold,
  kReverse,
  kFaint,
  kRed,
  kGreen,
  kYellow,
  kBlue,
  kMagenta,
  kCyan
};

struct Cell {
  std::string text = " ";  // One character, a column wide.
  Style style = Style::kPlain;

  bool operator==(const Cell& other) const {
    return text == other.text && style == other.style;
  }
};

class Frame {
 public:
  Frame(int width, int height)
      : width_(width),
        height_(height),
        cells_(static_cast<size_t>(width) * height) {}

  int width() const { return width_; }
  int height() const { return height_; }
  const Cell& at(int row, int column) const {
    return cells_[static_cast<size_t>(row) * width_ + column];
  }

  // Writes UTF-8 of characters a column wide; what lies outside is cut off.
  void Write(int row, int column, absl::string_view text,
             Style style = Style::kPlain);
  // Writes a line from its first column on, in one style to its end.
  void WriteLine(int row, absl::string_view text, Style style = Style::kPlain);

  // Puts a picture at the left of a row and those below.
  void Paste(int row, const Frame& picture);

  // Lines without trailing blanks or styles.
  std::string Text() const;
  // The same with styles, for a terminal.
  std::string StyledText() const;

 private:
  int width_;
  int height_;
  std::vector<Cell> cells_;
};

// Control sequences (ECMA-48) that turn `before`, which the terminal shows,
// into `after`. All is drawn anew when the sizes differ.
std::string Redraw(const Frame& before, const Frame& after);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_FRAME_H_
