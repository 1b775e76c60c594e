#ifndef LOCKSTEP_CLIENT_CLI_TABLE_H_
#define LOCKSTEP_CLIENT_CLI_TABLE_H_

// A table for people: upper-case headers, columns two spaces apart.

#include <string>
#include <vector>

namespace lockstep::cli {

class Table {
 public:
  explicit Table(std::vector<std::string> headers);

  // As many cells as headers; an empty cell is shown as "-".
  void AddRow(std::vector<std::string> cells);

  // Lines without trailing spaces.
  std::string Render() const;

 private:
  std::vector<std::vector<std::string>> rows_;  // The first holds the headers.
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_TABLE_H_
