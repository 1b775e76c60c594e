#include "worker/data/row_format.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/contract/spec_value.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

using Format = v1::DataSource::Format;

constexpr int kRowsLookedAt = 100;

struct KnownFormat {
  Format format;
  std::vector<std::string> keys;
  bool built;
};

const std::vector<KnownFormat>& KnownFormats() {
  static const auto* const formats = new std::vector<KnownFormat>{
      {v1::DataSource::FORMAT_MESSAGES, {"messages"}, true},
      {v1::DataSource::FORMAT_PROMPT_COMPLETION,
       {"prompt", "completion"},
       true},
      {v1::DataSource::FORMAT_TEXT, {"text"}, true},
      {v1::DataSource::FORMAT_TOKENS, {"input_ids"}, false},
      {v1::DataSource::FORMAT_ALPACA, {"instruction", "output"}, false},
      {v1::DataSource::FORMAT_SHAREGPT, {"conversations"}, false},
  };
  return *formats;
}

std::string Name(Format format) {
  return EnumYamlName(*v1::DataSource::Format_descriptor(), format);
}

}  // namespace

absl::StatusOr<Format> FormatOfRow(const nlohmann::ordered_json& row) {
  std::vector<const KnownFormat*> fitting;
  for (const KnownFormat& known : KnownFormats()) {
    if (std::all_of(known.keys.begin(), known.keys.end(),
                    [&](const auto& key) { return row.contains(key); })) {
      fitting.push_back(&known);
    }
  }
  if (fitting.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "keys ", KeysOf(row),
        " fit no format: messages, prompt + completion or text; map them with "
        "columns"));
  }
  if (fitting.size() > 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "keys ", KeysOf(row), " fit both ", Name(fitting[0]->format), " and ",
        Name(fitting[1]->format), "; say which in format"));
  }
  if (!fitting[0]->built) {
    return absl::InvalidArgumentError(absl::StrCat(
        "keys ", KeysOf(row), " mean format ", Name(fitting[0]->format),
        ", which is not built; use messages, prompt_completion or text"));
  }
  return fitting[0]->format;
}

absl::StatusOr<Format> DetectFormat(const std::string& path,
                                    const ColumnMap& columns) {
  ASSIGN_OR_RETURN(DatasetReader reader, DatasetReader::Open(path, columns));
  Format found = v1::DataSource::FORMAT_UNSPECIFIED;
  Row first;
  for (int i = 0; i < kRowsLookedAt; ++i) {
    ASSIGN_OR_RETURN(std::optional<Row> row, reader.Next());
    if (!row.has_value()) break;
    const absl::StatusOr<Format> format = FormatOfRow(row->values);
    if (!format.ok()) {
      return RowError(path, row->line, format.status().message());
    }
    if (i == 0) {
      found = *format;
      first = *std::move(row);
    } else if (*format != found) {
      return RowError(
          path, row->line,
          absl::StrCat("keys ", KeysOf(row->values), " mean ", Name(*format),
                       ", but line ", first.line, " has ", KeysOf(first.values),
                       ": ", Name(found)));
    }
  }
  if (found == v1::DataSource::FORMAT_UNSPECIFIED) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": holds no row"));
  }
  return found;
}

}  // namespace lockstep
