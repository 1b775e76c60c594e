#include "worker/data/tokenize_source.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/spec_value.h"
#include "proto/contract/status_macros.h"
#include "worker/data/dataset.h"
#include "worker/data/row_format.h"

namespace lockstep {
namespace {

using Format = v1::DataSource::Format;

// Rows that are in memory as JSON at a time.
constexpr size_t kBatchRows = 256;

ColumnMap ColumnsOf(const v1::DataSource& source) {
  return ColumnMap(source.columns().begin(), source.columns().end());
}

absl::StatusOr<Format> ResolveFormat(const v1::DataSource& source) {
  if (source.format() != v1::DataSource::FORMAT_UNSPECIFIED &&
      source.format() != v1::DataSource::FORMAT_AUTO) {
    return source.format();
  }
  return DetectFormat(source.path(), ColumnsOf(source));
}

// Each thread takes every n-th row.
std::vector<absl::StatusOr<Document>> TokenizeRows(
    const std::vector<Row>& rows, Format format, const RowTokenizer& tokenizer,
    int threads) {
  std::vector<absl::StatusOr<Document>> documents(rows.size());
  const auto tokenize_from = [&](size_t first) {
    for (size_t i = first; i < rows.size(); i += threads) {
      documents[i] = tokenizer.Tokenize(format, rows[i].values);
    }
  };
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back(tokenize_from, t);
  tokenize_from(0);
  for (std::thread& other : others) other.join();
  return documents;
}

// Takes documents in, in the order of the file.
class Intake {
 public:
  Intake(const v1::DataSpec& data, TokenizedSource& result)
      : max_length_(static_cast<size_t>(data.max_length())),
        truncation_(data.truncation()),
        result_(result) {}

  absl::Status Take(int64_t line, absl::StatusOr<Document> document) {
    if (!document.ok()) {
      return absl::Status(document.status().code(),
                          absl::StrCat(result_.path, ":", line, ": ",
                                       document.status().message()));
    }
    ++result_.rows;
    if (document->ids.size() > max_length_) {
      if (truncation_ == v1::DataSpec::TRUNCATION_DROP) {
        ++result_.dropped_rows;
        return absl::OkStatus();
      }
      RETURN_IF_ERROR(Truncate(line, *document));
    }
    return Keep(line, *std::move(document));
  }

 private:
  absl::Status Truncate(int64_t line, Document& document) {
    if (truncation_ == v1::DataSpec::TRUNCATION_ERROR) {
      return RowError(result_.path, line,
                      absl::StrCat("the row has ", document.ids.size(),
                                   " tokens; data.max_length is ", max_length_,
                                   " and data.truncation is error"));
    }
    const int64_t learned = CountLossTerms(document);
    document.ids.resize(max_length_);
    document.trained.resize(max_length_);
    ++result_.truncated_rows;
    if (learned > 0 && CountLossTerms(document) == 0) {
      return RowError(
          result_.path, line,
          absl::StrCat("the row has no trained token within data.max_length ",
                       max_length_,
                       "; data.truncation: drop leaves such rows "
                       "out"));
    }
    return absl::OkStatus();
  }

  absl::Status Keep(int64_t line, Document document) {
    const int64_t learned = CountLossTerms(document);
    if (learned == 0) {
      return RowError(result_.path, line, "the row has no trained token");
    }
    result_.tokens += static_cast<int64_t>(document.ids.size());
    result_.trained_tokens += learned;
    result_.documents.push_back(std::move(document));
    result_.lines.push_back(line);
    return absl::OkStatus();
  }

  const size_t max_length_;
  const v1::DataSpec::Truncation truncation_;
  TokenizedSource& result_;
};

// Reads at most kBatchRows; `end` says why there are fewer.
std::vector<Row> ReadBatch(DatasetReader& reader,
                           std::optional<absl::Status>& end) {
  std::vector<Row> rows;
  while (rows.size() < kBatchRows && !end.has_value()) {
    absl::StatusOr<std::optional<Row>> row = reader.Next();
    if (!row.ok() || !row->has_value()) {
      end = row.status();
    } else {
      rows.push_back(**std::move(row));
    }
  }
  return rows;
}

}  // namespace

absl::StatusOr<TokenizedSource> TokenizeSource(
    const v1::DataSource& source, const v1::DataSpec& data,
    const RowTokenizer& tokenizer, int threads,
    const std::function<void(int64_t line)>& at) {
  TokenizedSource result;
  result.path = source.path();
  ASSIGN_OR_RETURN(result.format, ResolveFormat(source));
  RETURN_IF_ERROR(tokenizer.CheckFormat(result.format));
  result.data_format =
      EnumYamlName(*v1::DataSource::Format_descriptor(), result.format);
  result.mask_source = tokenizer.MaskSource(result.format);

  ASSIGN_OR_RETURN(DatasetReader reader,
                   DatasetReader::Open(source.path(), ColumnsOf(source)));
  Intake intake(data, result);
  std::optional<absl::Status> end;
  while (!end.has_value()) {
    at(reader.line());
    const std::vector<Row> rows = ReadBatch(reader, end);
    auto documents = TokenizeRows(rows, result.format, tokenizer, threads);
    for (size_t i = 0; i < rows.size(); ++i) {
      RETURN_IF_ERROR(intake.Take(rows[i].line, std::move(documents[i])));
    }
  }
  RETURN_IF_ERROR(*end);
  if (result.documents.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(source.path(), ": no row is left: ", result.rows,
                     " read, ", result.dropped_rows,
                     " longer than data.max_length ", data.max_length()));
  }
  return result;
}

}  // namespace lockstep
