#include "client/cli/table.h"

#include <algorithm>
#include <utility>

#include "client/cli/format.h"
#include "proto/contract/check.h"

namespace lockstep::cli {
namespace {

std::vector<std::string> Filled(std::vector<std::string> cells) {
  for (std::string& cell : cells) {
    if (cell.empty()) cell.push_back('-');
  }
  return cells;
}

void Widen(const std::vector<std::string>& row, std::vector<size_t>& widths) {
  for (size_t i = 0; i < row.size(); ++i) {
    widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
}

constexpr size_t kColumnGap = 2;
// No column is made narrower while a name can be, and no name while others can.
constexpr size_t kLeast = 12;

// Takes `excess` columns from the widest of the columns [first, end), none of
// which gets narrower than `least`; what is left of the excess.
size_t Narrow(size_t first, size_t end, size_t least, size_t excess,
              std::vector<size_t>& widths) {
  while (excess > 0) {
    const auto widest =
        std::max_element(widths.begin() + first, widths.begin() + end);
    if (widest == widths.begin() + end || *widest <= least) break;
    --*widest;
    --excess;
  }
  return excess;
}

}  // namespace

Table::Table(std::vector<std::string> headers, TableRoom room) : room_(room) {
  rows_.push_back(std::move(headers));
}

void Table::AddRow(std::vector<std::string> cells) {
  LOCKSTEP_CHECK(cells.size() == rows_[0].size());
  rows_.push_back(Filled(std::move(cells)));
}

std::vector<size_t> Table::Widths() const {
  std::vector<size_t> widths(rows_[0].size());
  for (const auto& row : rows_) Widen(row, widths);
  return widths;
}

std::vector<size_t> Table::Fitted(std::vector<size_t> widths) const {
  if (room_.width == 0) return widths;
  size_t whole = kColumnGap * (widths.size() - 1);
  for (const size_t width : widths) whole += width;
  const auto room = static_cast<size_t>(room_.width);
  size_t excess = whole - std::min(whole, room);
  excess = Narrow(1, widths.size(), kLeast, excess, widths);
  excess = Narrow(0, 1, kLeast, excess, widths);
  Narrow(0, widths.size(), 1, excess, widths);
  return widths;
}

std::string Table::Line(const std::vector<std::string>& cells,
                        const std::vector<size_t>& widths) const {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const bool is_path = cells[i].front() == '/';
    const std::string cell =
        is_path ? ShortenFront(cells[i], widths[i], room_.unicode)
                : ShortenEnd(cells[i], widths[i], room_.unicode);
    if (i > 0) line.append(kColumnGap, ' ');
    line += cell;
    if (i + 1 < cells.size()) line.append(widths[i] - DisplayWidth(cell), ' ');
  }
  return line + "\n";
}

std::string Table::Render() const {
  const std::vector<size_t> widths = Fitted(Widths());
  std::string text;
  for (const auto& row : rows_) text += Line(row, widths);
  return text;
}

std::string Table::RenderRow(std::vector<std::string> cells) {
  LOCKSTEP_CHECK(cells.size() == rows_[0].size());
  cells = Filled(std::move(cells));
  if (widths_.empty()) widths_ = Widths();
  Widen(cells, widths_);
  return Line(cells, Fitted(widths_));
}

}  // namespace lockstep::cli
