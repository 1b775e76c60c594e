#include "client/cli/table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
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

}  // namespace

Table::Table(std::vector<std::string> headers) {
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

std::string Table::Line(const std::vector<std::string>& cells,
                        const std::vector<size_t>& widths) {
  std::string line;
  for (size_t i = 0; i + 1 < cells.size(); ++i) {
    absl::StrAppend(&line, cells[i],
                    std::string(widths[i] - DisplayWidth(cells[i]) + 2, ' '));
  }
  return absl::StrCat(line, cells.back(), "\n");
}

std::string Table::Render() const {
  const std::vector<size_t> widths = Widths();
  std::string text;
  for (const auto& row : rows_) text += Line(row, widths);
  return text;
}

std::string Table::RenderRow(std::vector<std::string> cells) {
  LOCKSTEP_CHECK(cells.size() == rows_[0].size());
  cells = Filled(std::move(cells));
  if (widths_.empty()) widths_ = Widths();
  Widen(cells, widths_);
  return Line(cells, widths_);
}

}  // namespace lockstep::cli
