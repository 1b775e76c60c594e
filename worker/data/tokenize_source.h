#ifndef LOCKSTEP_WORKER_DATA_TOKENIZE_SOURCE_H_
#define LOCKSTEP_WORKER_DATA_TOKENIZE_SOURCE_H_

// From a dataset file to documents: what prepare calls, once a file. Rows are
// read in order and tokenised by several threads; the result does not depend
// on how many.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lockstep/v1/job.pb.h"
#include "worker/data/row_tokenizer.h"
#include "worker/data/token_cache.h"

namespace lockstep {

// Documents of one file, in its order.
struct TokenizedSource {
  std::string path;
  // Never auto.
  v1::DataSource::Format format = v1::DataSource::FORMAT_UNSPECIFIED;
  // Plan.data_format and Plan.mask_source.
  std::string data_format;
  std::string mask_source;

  std::vector<Document> documents;
  // Where documents[i] begins in the file.
  std::vector<int64_t> lines;

  // Rows read: documents and dropped rows.
  int64_t rows = 0;
  // Of the documents, after truncation.
  int64_t tokens = 0;
  // Tokens that contribute to the loss.
  int64_t trained_tokens = 0;
  int64_t truncated_rows = 0;
  int64_t dropped_rows = 0;
};

// `data` gives max_length and truncation. INVALID_ARGUMENT, as FILE:LINE: the
// first bad row: malformed, too long under truncation: error, or without a
// token to learn after truncation. INVALID_ARGUMENT also: a file in which no
// row is left. `at` is told, every few hundred rows, the line of the next one.
absl::StatusOr<TokenizedSource> TokenizeSource(
    const v1::DataSource& source, const v1::DataSpec& data,
    const RowTokenizer& tokenizer, int threads = 1,
    const std::function<void(int64_t line)>& at = [](int64_t) {});

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_DATA_TOKENIZE_SOURCE_H_
