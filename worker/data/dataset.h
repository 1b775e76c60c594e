#ifndef LOCKSTEP_WORKER_DATA_DATASET_H_
#define LOCKSTEP_WORKER_DATA_DATASET_H_

// Reads the rows of a dataset file: JSON Lines, or one JSON array of objects.
// Which of the two is told from the first byte. Every error names file and
// line. Blank lines are skipped.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lockstep/v1/job.pb.h"
#include "nlohmann/json.hpp"
#include "worker/data/row_scanner.h"

namespace lockstep {

// Our key -> the file's: {prompt: question}.
using ColumnMap = std::map<std::string, std::string>;

// One row: an object, keys in the order of the file.
struct Row {
  nlohmann::ordered_json values;
  // Where it begins, from 1.
  int64_t line = 0;
};

// Not thread-safe.
class DatasetReader {
 public:
  // A row may be this long, and nest this deep.
  static constexpr int64_t kMaxRowBytes = 8 << 20;
  static constexpr int kMaxDepth = 64;

  // NOT_FOUND: no such file; INVALID_ARGUMENT: not a regular file.
  static absl::StatusOr<DatasetReader> Open(const std::string& path,
                                            ColumnMap columns = {});

  // The next row, columns renamed; nullopt at the end. INVALID_ARGUMENT: not
  // JSON (or not UTF-8), not an object, over a bound, a mapped column missing.
  absl::StatusOr<std::optional<Row>> Next();

  const std::string& path() const { return path_; }
  // Where it stands, from 1.
  int64_t line() const { return scanner_.line(); }

 private:
  DatasetReader(std::string path, RowScanner scanner, ColumnMap columns)
      : path_(std::move(path)),
        scanner_(std::move(scanner)),
        columns_(std::move(columns)) {}
  absl::StatusOr<Row> Parse(const RowText& text) const;
  absl::Status RenameColumns(Row& row) const;

  std::string path_;
  RowScanner scanner_;
  ColumnMap columns_;
};

// "messages, tools": the keys of an object, for messages.
std::string KeysOf(const nlohmann::ordered_json& object);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_DATA_DATASET_H_
