#include "worker/prepare/tokenize_data.h"

#include <algorithm>
#include <cmath>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"
#include "worker/data/dataset.h"
#include "worker/data/permutation.h"
#include "worker/data/tokenize_source.h"
#include "worker/prepare/field.h"

namespace lockstep {
namespace {

// Two threads per file are twice as fast, eight are not four times.
constexpr unsigned kMostThreads = 4;

int Threads() {
  return static_cast<int>(
      std::clamp(std::thread::hardware_concurrency(), 1u, kMostThreads));
}

// Appends `item` to a comma-separated list that does not hold it yet.
void AddToList(const std::string& item, std::string* list) {
  if (absl::StrContains(absl::StrCat(",", *list, ","),
                        absl::StrCat(",", item, ","))) {
    return;
  }
  absl::StrAppend(list, list->empty() ? "" : ",", item);
}

absl::Status CheckVocabulary(const TokenizedSource& source,
                             int64_t vocab_size) {
  for (size_t i = 0; i < source.documents.size(); ++i) {
    for (const int32_t id : source.documents[i].ids) {
      if (id >= 0 && id < vocab_size) continue;
      return RowError(
          source.path, source.lines[i],
          absl::StrCat("the tokenizer makes token ", id,
                       ", but vocab_size in config.json is ", vocab_size));
    }
  }
  return absl::OkStatus();
}

// Reads one file; `field` is its place in the spec.
absl::StatusOr<TokenizedSource> ReadSource(
    const std::string& field, const v1::DataSource& file,
    const v1::DataSpec& data, const TextInput& text,
    const RowTokenizer& tokenizer, int64_t vocab_size, const TellPlace& at) {
  absl::StatusOr<TokenizedSource> source =
      TokenizeSource(file, data, tokenizer, Threads(), [&](int64_t line) {
        at(absl::StrCat(field, ": ", file.path(), ":", line));
      });
  if (!source.ok()) {
    absl::Status status = InField(field, source.status());
    if (absl::IsFailedPrecondition(status) && !text.template_problem.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          status.message(), " (", text.template_problem.message(), ")"));
    }
    return status;
  }
  RETURN_IF_ERROR(InField(field, CheckVocabulary(*source, vocab_size)));
  return source;
}

void MoveDocuments(TokenizedSource& source,
                   std::vector<PlacedDocument>* documents) {
  for (size_t i = 0; i < source.documents.size(); ++i) {
    documents->push_back(
        {std::move(source.documents[i]), {source.path, source.lines[i]}});
  }
}

absl::Status HoldOut(const v1::DataSpec& data, TokenizedData* all) {
  const auto total = static_cast<int64_t>(all->train.size());
  const auto held_out = static_cast<int64_t>(
      std::ceil(data.eval_fraction() * static_cast<double>(total)));
  if (held_out >= total) {
    return absl::InvalidArgumentError(absl::StrCat(
        "data.eval_fraction: ", data.eval_fraction(), " of ", total,
        " rows is ", held_out, " and leaves none to train on"));
  }
  std::vector<int64_t> order =
      Permutation(total, static_cast<uint64_t>(data.shuffle_seed()),
                  /*epoch=*/0, PermutationStream::kEvalSplit);
  std::vector<bool> chosen(all->train.size());
  for (int64_t i = 0; i < held_out; ++i) chosen[order[i]] = true;
  // Both keep the order of the files.
  std::vector<PlacedDocument> kept;
  for (size_t i = 0; i < all->train.size(); ++i) {
    (chosen[i] ? all->eval : kept).push_back(std::move(all->train[i]));
  }
  all->train = std::move(kept);
  all->counts.set_eval_rows(held_out);
  return absl::OkStatus();
}

void CountTokens(TokenizedData* all) {
  int64_t tokens = 0;
  int64_t trained = 0;
  for (const PlacedDocument& placed : all->train) {
    tokens += static_cast<int64_t>(placed.document.ids.size());
    trained += CountLossTerms(placed.document);
  }
  all->counts.set_tokens(tokens);
  all->counts.set_trained_tokens(trained);
}

}  // namespace

absl::StatusOr<TokenizedData> TokenizeData(const v1::JobSpec& spec,
                                           const TextInput& text,
                                           int64_t vocab_size,
                                           const TellPlace& at) {
  const RowTokenizer tokenizer = MakeRowTokenizer(spec, text);
  const v1::DataSpec& data = spec.data();
  TokenizedData all;
  v1::Plan& counts = all.counts;
  for (int i = 0; i < data.train_size(); ++i) {
    ASSIGN_OR_RETURN(
        TokenizedSource source,
        ReadSource(absl::StrCat("data.train[", i, "]"), data.train(i), data,
                   text, tokenizer, vocab_size, at));
    counts.set_rows(counts.rows() + source.rows);
    counts.set_truncated_rows(counts.truncated_rows() + source.truncated_rows);
    counts.set_dropped_rows(counts.dropped_rows() + source.dropped_rows);
    AddToList(source.data_format, counts.mutable_data_format());
    AddToList(source.mask_source, counts.mutable_mask_source());
    MoveDocuments(source, &all.train);
  }
  if (data.has_eval()) {
    ASSIGN_OR_RETURN(TokenizedSource source,
                     ReadSource("data.eval", data.eval(), data, text, tokenizer,
                                vocab_size, at));
    counts.set_eval_rows(source.rows);
    MoveDocuments(source, &all.eval);
  } else if (data.has_eval_fraction()) {
    RETURN_IF_ERROR(HoldOut(data, &all));
  }
  CountTokens(&all);
  return all;
}

}  // namespace lockstep
