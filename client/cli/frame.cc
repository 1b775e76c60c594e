#include "client/cli/frame.h"

#include "absl/strings/str_cat.h"
#include "client/cli/format.h"

namespace lockstep::cli {
namespace {

constexpr char kClear[] = "\x1b[0m\x1b[2J";

// Bytes of the UTF-8 character that begins with `lead`.
size_t CharacterBytes(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  if (byte < 0x80) return 1;
  if (byte < 0xe0) return 2;
  return byte < 0xf0 ? 3 : 4;
}

const char* StyleSequence(Style style) {
  switch (style) {
    case Style::kBold:
      return "\x1b[0;1m";
    case Style::kReverse:
      return "\x1b[0;7m";
    case Style::kFaint:
      return "\x1b[0;2m";
    case Style::kRed:
      return "\x1b[0;31m";
    case Style::kGreen:
      return "\x1b[0;32m";
    case Style::kYellow:
      return "\x1b[0;33m";
    case Style::kBlue:
      return "\x1b[0;34m";
    case Style::kMagenta:
      return "\x1b[0;35m";
    case Style::kCyan:
      return "\x1b[0;36m";
    case Style::kPlain:
      break;
  }
  return "\x1b[0m";
}

}  // namespace

void Frame::Write(int row, int column, absl::string_view text, Style style) {
  if (row < 0 || row >= height_) return;
  while (!text.empty() && column < width_) {
    const absl::string_view character =
        text.substr(0, CharacterBytes(text.front()));
    text.remove_prefix(character.size());
    if (column >= 0) {
      cells_[static_cast<size_t>(row) * width_ + column] = {
          std::string(character), style};
    }
    ++column;
  }
}

void Frame::WriteLine(int row, absl::string_view text, Style style) {
  Write(row, 0, text, style);
  const auto used = static_cast<int>(DisplayWidth(text));
  if (used < width_) Write(row, used, std::string(width_ - used, ' '), style);
}

void Frame::Paste(int row, const Frame& picture) {
  for (int from = 0; from < picture.height(); ++from) {
    for (int column = 0; column < picture.width(); ++column) {
      const Cell& cell = picture.at(from, column);
      Write(row + from, column, cell.text, cell.style);
    }
  }
}

std::string Frame::Text() const {
  std::string text;
  for (int row = 0; row < height_; ++row) {
    std::string line;
    for (int column = 0; column < width_; ++column)
      line += at(row, column).text;
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

std::string Frame::StyledText() const {
  std::string text;
  for (int row = 0; row < height_; ++row) {
    int end = width_;
    while (end > 0 && at(row, end - 1) == Cell()) --end;
    Style style = Style::kPlain;
    for (int column = 0; column < end; ++column) {
      const Cell& cell = at(row, column);
      if (cell.style != style) text += StyleSequence(cell.style);
      style = cell.style;
      text += cell.text;
    }
    if (style != Style::kPlain) text += StyleSequence(Style::kPlain);
    text += '\n';
  }
  return text;
}

std::string Redraw(const Frame& before, const Frame& after) {
  const bool all =
      before.width() != after.width() || before.height() != after.height();
  const Frame blank(after.width(), after.height());
  const Frame& shown = all ? blank : before;
  std::string output = all ? kClear : "";
  Style style = Style::kPlain;
  for (int row = 0; row < after.height(); ++row) {
    int cursor = -1;  // The column where the next character would go.
    for (int column = 0; column < after.width(); ++column) {
      const Cell& cell = after.at(row, column);
      if (cell == shown.at(row, column)) continue;
      if (cursor != column) {
        absl::StrAppend(&output, "\x1b[", row + 1, ";", column + 1, "H");
      }
      if (cell.style != style) output += StyleSequence(cell.style);
      style = cell.style;
      output += cell.text;
      cursor = column + 1;
    }
  }
  if (style != Style::kPlain) output += StyleSequence(Style::kPlain);
  return output;
}

}  // namespace lockstep::cli
