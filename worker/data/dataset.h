#ifndef LOCKSTEP_WORKER_DATA_DATASET_H_
#define LOCKSTEP_WORKER_DATA_DATASET_H_

// Reads the rows of a dataset file: JSON Lines, or one JSON array of objects.
// Which of the two is told from the first byte. A file is read front to back
// in blocks, so that its size does not matter; every error names file and
// line. Blank lines are skipped.

#include <cstdint>
#include <fstream>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lockstep/v1/job.pb.h"
#include "nlohmann/json.hpp"

namespace lockstep {

// One row: an object, keys in the order of the file.
struct Row {
  nlohmann::ordered_json values;
  // Where it begins, from 1.
  int64_t line = 0;
};

// "FILE:LINE: message", INVALID_ARGUMENT.
absl::Status RowError(absl::string_view path, int64_t line,
                      absl::string_view message);

// Not thread-safe.
class DatasetReader {
 public:
  // A row may be this long, and nest this deep.
  static constexpr int64_t kMaxRowBytes = 8 << 20;
  static constexpr int kMaxDepth = 64;

  // `columns` maps our keys to the file's: {prompt: question}. NOT_FOUND: no
  // such file; INVALID_ARGUMENT: not a regular file.
  static absl::StatusOr<DatasetReader> Open(
      const std::string& path, std::map<std::string, std::string> columns = {});

  // The next row, columns renamed; nullopt at the end. INVALID_ARGUMENT: not
  // JSON (or not UTF-8), not an object, over a bound, a mapped column missing.
  absl::StatusOr<std::optional<Row>> Next();

  const std::string& path() const { return path_; }

 private:
  enum class Layout { kUnknown, kLines, kArray, kEnded };

  DatasetReader(std::string path, std::ifstream file,
                std::map<std::string, std::string> columns);
  // The next byte, or -1 at the end.
  int Peek();
  int Take();
  void SkipSpace();
  void DetectLayout();
  // The text of the next row and where it begins.
  absl::StatusOr<std::optional<std::string>> NextText(int64_t* line);
  absl::StatusOr<std::string> TakeLine();
  absl::StatusOr<std::string> TakeElement();
  absl::Status Separator();
  absl::Status Rename(int64_t line, nlohmann::ordered_json& values) const;
  absl::Status TooLong(int64_t line) const;

  std::string path_;
  std::ifstream file_;
  std::map<std::string, std::string> columns_;
  Layout layout_ = Layout::kUnknown;
  int64_t line_ = 1;
  bool first_element_ = true;
};

// What rows with these keys hold. INVALID_ARGUMENT: no known shape, more than
// one, or one that is known and not built; names the row's keys.
absl::StatusOr<v1::DataSource::Format> FormatOfRow(
    const nlohmann::ordered_json& row);

// Reads the keys of the first 100 rows. INVALID_ARGUMENT: rows of different
// shapes (shows two), or no row at all.
absl::StatusOr<v1::DataSource::Format> DetectFormat(
    const std::string& path, const std::map<std::string, std::string>& columns);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_DATA_DATASET_H_
