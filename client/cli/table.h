#ifndef LOCKSTEP_CLIENT_CLI_TABLE_H_
#define LOCKSTEP_CLIENT_CLI_TABLE_H_

// A table for people: upper-case headers, columns two spaces apart.

#include <string>
#include <vector>

namespace lockstep::cli {

// The lines that a table has room for.
struct TableRoom {
  int width = 0;  // 0: whatever they need, as a program wants that reads them.
  bool unicode = false;
};

// Where there is no room for all of it the widest cells are cut, those of the
// first column, which are names, last: "a-long-na…", "…/of/a/path".
class Table {
 public:
  explicit Table(std::vector<std::string> headers, TableRoom room = {});

  // As many cells as headers; an empty cell is shown as "-".
  void AddRow(std::vector<std::string> cells);

  // Lines without trailing spaces.
  std::string Render() const;
  // One more line below those, which are not kept: columns as wide as there, or
  // as this and the lines since want.
  std::string RenderRow(std::vector<std::string> cells);

 private:
  std::string Line(const std::vector<std::string>& cells,
                   const std::vector<size_t>& widths) const;
  std::vector<size_t> Widths() const;
  // Widths that fit, of those that are wanted.
  std::vector<size_t> Fitted(std::vector<size_t> widths) const;

  const TableRoom room_;

  std::vector<std::vector<std::string>> rows_;  // The first holds the headers.
  std::vector<size_t> widths_;  // Of RenderRow; empty before its first call.
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_TABLE_H_
