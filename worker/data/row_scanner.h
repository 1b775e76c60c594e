#ifndef LOCKSTEP_WORKER_DATA_ROW_SCANNER_H_
#define LOCKSTEP_WORKER_DATA_ROW_SCANNER_H_

// Cuts a file into the texts of its rows, without reading what they say: the
// lines of a JSON Lines file, or the elements of one JSON array. Reads front
// to back and holds one row, so that the size of a file does not matter. For
// dataset.cc only.

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lockstep {

struct RowText {
  std::string text;
  // Where it begins, from 1.
  int64_t line = 0;
};

// Not thread-safe.
class RowScanner {
 public:
  // NOT_FOUND: no such file; INVALID_ARGUMENT: not a regular file.
  static absl::StatusOr<RowScanner> Open(const std::string& path,
                                         int64_t max_row_bytes);

  // The next row; nullopt at the end. Blank lines are skipped.
  // INVALID_ARGUMENT, with file and line: a row that is too long, an array
  // that does not go on or end as one.
  absl::StatusOr<std::optional<RowText>> Next();

  // Where it stands, from 1.
  int64_t line() const { return line_; }

 private:
  enum class Layout { kUnknown, kLines, kArray, kEnded };

  RowScanner(std::string path, std::ifstream file, int64_t max_row_bytes)
      : path_(std::move(path)),
        file_(std::move(file)),
        max_row_bytes_(max_row_bytes) {}
  int Peek() { return file_.rdbuf()->sgetc(); }
  int Take();
  void SkipSpace();
  void DetectLayout();
  absl::StatusOr<std::optional<RowText>> NextLine();
  absl::StatusOr<std::optional<RowText>> NextElement();
  absl::Status TakeElement(RowText& row);
  absl::Status Append(int byte, RowText& row) const;
  absl::Status Error(absl::string_view message) const;

  std::string path_;
  std::ifstream file_;
  int64_t max_row_bytes_;
  Layout layout_ = Layout::kUnknown;
  int64_t line_ = 1;
  // Whether the array may end before another row.
  bool may_end_ = true;
};

// "FILE:LINE: message", INVALID_ARGUMENT.
absl::Status RowError(absl::string_view path, int64_t line,
                      absl::string_view message);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_DATA_ROW_SCANNER_H_
