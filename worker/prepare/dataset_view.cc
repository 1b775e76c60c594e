#include "worker/prepare/dataset_view.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "proto/contract/job_spec.h"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"
#include "worker/io/hf_config.h"

namespace lockstep {
namespace {

absl::StatusOr<v1::JobSpec> SpecOf(const DatasetViewOptions& options) {
  v1::JobSpec spec;
  spec.mutable_model()->set_path(options.model);
  if (!options.chat_template_file.empty()) {
    ASSIGN_OR_RETURN(*spec.mutable_model()->mutable_chat_template(),
                     ReadWholeFile(options.chat_template_file,
                                   ChatTemplate::kMaxSourceBytes));
  }
  v1::DataSpec& data = *spec.mutable_data();
  v1::DataSource& source = *data.add_train();
  source.set_path(options.file);
  source.set_format(options.format);
  *source.mutable_columns() = {options.columns.begin(), options.columns.end()};
  data.set_train_on(options.train_on);
  data.set_truncation(options.truncation);
  data.set_max_length(options.max_length);
  ApplyDefaults(&spec);
  return spec;
}

// Nothing precedes the first token, so it is never learned.
bool IsTrained(const Document& document, size_t i) {
  return i > 0 && document.trained[i] != 0;
}

}  // namespace

absl::StatusOr<DatasetView> DatasetView::Open(
    const DatasetViewOptions& options) {
  ASSIGN_OR_RETURN(const v1::JobSpec spec, SpecOf(options));
  ASSIGN_OR_RETURN(const ModelConfig config, ReadModelConfig(options.model));
  ASSIGN_OR_RETURN(TextInput text, LoadTextInput(spec, config, absl::Now()));
  ASSIGN_OR_RETURN(
      TokenizedData data,
      TokenizeData(spec, text, config.vocab_size, [](const std::string&) {}));
  return DatasetView(std::move(text), std::move(data));
}

LengthStatistics DatasetView::Lengths() const {
  std::vector<int64_t> lengths;
  for (const PlacedDocument& placed : data_.train) {
    lengths.push_back(static_cast<int64_t>(placed.document.ids.size()));
  }
  std::sort(lengths.begin(), lengths.end());
  // The smallest length that so many percent do not exceed.
  const auto percentile = [&lengths](size_t percent) {
    const size_t rank = (lengths.size() * percent + 99) / 100;
    return lengths[std::max<size_t>(rank, 1) - 1];
  };
  if (lengths.empty()) return {};
  return {.shortest = lengths.front(),
          .median = percentile(50),
          .p90 = percentile(90),
          .p99 = percentile(99),
          .longest = lengths.back()};
}

absl::StatusOr<std::vector<MaskSpan>> DatasetView::Spans(
    const Document& document) const {
  std::vector<MaskSpan> spans;
  for (size_t begin = 0, end = 0; begin < document.ids.size(); begin = end) {
    const bool trained = IsTrained(document, begin);
    for (end = begin; end < document.ids.size(); ++end) {
      if (IsTrained(document, end) != trained) break;
    }
    const absl::Span<const int32_t> ids(&document.ids[begin], end - begin);
    ASSIGN_OR_RETURN(std::string text, text_.folder.tokenizer.Decode(
                                           ids, /*skip_special_tokens=*/false));
    spans.push_back(
        {trained, static_cast<int64_t>(end - begin), std::move(text)});
  }
  return spans;
}

std::vector<TokenView> DatasetView::Tokens(const Document& document) const {
  std::vector<TokenView> tokens;
  tokens.reserve(document.ids.size());
  for (size_t i = 0; i < document.ids.size(); ++i) {
    const int32_t id = document.ids[i];
    tokens.push_back({id, IsTrained(document, i),
                      text_.folder.tokenizer.IdToToken(id).value_or("")});
  }
  return tokens;
}

}  // namespace lockstep
