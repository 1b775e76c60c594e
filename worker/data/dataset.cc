#include "worker/data/dataset.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

// Of brackets outside strings. What parses here is later printed by a
// recursive function.
int NestingDepth(const std::string& json) {
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

// "[json.exception.parse_error.101] parse error at ...", without the tag.
std::string ParserMessage(const nlohmann::json::exception& error) {
  const std::string what = error.what();
  const size_t tag = what.find("] ");
  return tag == std::string::npos ? what : what.substr(tag + 2);
}

}  // namespace

std::string KeysOf(const nlohmann::ordered_json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return absl::StrJoin(keys, ", ");
}

absl::StatusOr<DatasetReader> DatasetReader::Open(const std::string& path,
                                                  ColumnMap columns) {
  ASSIGN_OR_RETURN(RowScanner scanner, RowScanner::Open(path, kMaxRowBytes));
  return DatasetReader(path, std::move(scanner), std::move(columns));
}

absl::StatusOr<std::optional<Row>> DatasetReader::Next() {
  ASSIGN_OR_RETURN(const std::optional<RowText> text, scanner_.Next());
  if (!text.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(Row row, Parse(*text));
  RETURN_IF_ERROR(RenameColumns(row));
  return row;
}

absl::StatusOr<Row> DatasetReader::Parse(const RowText& text) const {
  if (NestingDepth(text.text) > kMaxDepth) {
    return RowError(path_, text.line,
                    absl::StrCat("the row nests deeper than ", kMaxDepth));
  }
  Row row{{}, text.line};
  try {
    row.values = nlohmann::ordered_json::parse(text.text);
  } catch (const nlohmann::json::exception& error) {
    return RowError(
        path_, text.line,
        absl::StrCat("the row is not JSON: ", ParserMessage(error)));
  }
  if (!row.values.is_object()) {
    return RowError(path_, text.line,
                    absl::StrCat("the row is not a JSON object but a ",
                                 row.values.type_name()));
  }
  return row;
}

absl::Status DatasetReader::RenameColumns(Row& row) const {
  if (columns_.empty()) return absl::OkStatus();
  // All are read before any is written: {prompt: a, a: prompt} swaps.
  std::vector<std::pair<std::string, nlohmann::ordered_json>> renamed;
  for (const auto& [ours, theirs] : columns_) {
    const auto found = row.values.find(theirs);
    if (found == row.values.end()) {
      return RowError(path_, row.line,
                      absl::StrCat("the row has no \"", theirs,
                                   "\", which columns maps to ", ours,
                                   "; its keys are ", KeysOf(row.values)));
    }
    renamed.emplace_back(ours, *found);
  }
  for (const auto& [ours, theirs] : columns_) row.values.erase(theirs);
  for (auto& [ours, value] : renamed) row.values[ours] = std::move(value);
  return absl::OkStatus();
}

}  // namespace lockstep
