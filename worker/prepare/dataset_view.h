#ifndef LOCKSTEP_WORKER_PREPARE_DATASET_VIEW_H_
#define LOCKSTEP_WORKER_PREPARE_DATASET_VIEW_H_

// A data file as a job would see it: the same reader, template, tokenizer and
// masks, for looking at before anything is trained. No coordinator, no cache.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lockstep/v1/job.pb.h"
#include "worker/prepare/text_input.h"
#include "worker/prepare/tokenize_data.h"

namespace lockstep {

struct DatasetViewOptions {
  // Model folder: tokenizer, template, size of the vocabulary.
  std::string model;
  std::string file;
  v1::DataSource::Format format = v1::DataSource::FORMAT_AUTO;
  // Our key -> the file's.
  std::map<std::string, std::string> columns;
  // File of a template instead of the model's; empty for none.
  std::string chat_template_file;
  v1::DataSpec::TrainOn train_on = v1::DataSpec::TRAIN_ON_UNSPECIFIED;
  v1::DataSpec::Truncation truncation = v1::DataSpec::TRUNCATION_KEEP_START;
  int max_length = 1024;
};

// Lengths of documents, in tokens.
struct LengthStatistics {
  int64_t shortest = 0;
  int64_t median = 0;
  int64_t p90 = 0;
  int64_t p99 = 0;
  int64_t longest = 0;
};

// Neighbouring tokens that are all learned, or all not.
struct MaskSpan {
  bool trained = false;
  int64_t tokens = 0;
  std::string text;
};

// One token as the vocabulary spells it; empty when the vocabulary lacks it.
struct TokenView {
  int32_t id = 0;
  bool trained = false;
  std::string text;
};

class DatasetView {
 public:
  // Reads all of the file. Errors as of a job's preparation: FILE:LINE and what
  // is wrong with the row.
  static absl::StatusOr<DatasetView> Open(const DatasetViewOptions& options);

  // rows, tokens, trained_tokens, truncated_rows, dropped_rows, data_format,
  // mask_source.
  const v1::Plan& counts() const { return data_.counts; }
  const std::vector<PlacedDocument>& documents() const { return data_.train; }
  LengthStatistics Lengths() const;
  // A document's text in order; decoding a part of a character gives U+FFFD.
  absl::StatusOr<std::vector<MaskSpan>> Spans(const Document& document) const;
  std::vector<TokenView> Tokens(const Document& document) const;

 private:
  DatasetView(TextInput text, TokenizedData data)
      : text_(std::move(text)), data_(std::move(data)) {}

  TextInput text_;
  TokenizedData data_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PREPARE_DATASET_VIEW_H_
