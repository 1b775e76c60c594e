#include "worker/text/tokenizer.h"

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"
#include "worker/text/shim_values.h"
#include "worker/text/text_file.h"

namespace lockstep {
namespace {

// The largest in use are 35 MB.
constexpr int64_t kMaxTokenizerBytes = 256 << 20;

}  // namespace

void Tokenizer::Free::operator()(lockstep_tokenizer* tokenizer) const {
  lockstep_tokenizer_free(tokenizer);
}

absl::StatusOr<Tokenizer> Tokenizer::FromFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string json,
                   ReadTextFile(path, kMaxTokenizerBytes));
  absl::StatusOr<Tokenizer> tokenizer = FromJson(json);
  if (!tokenizer.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", tokenizer.status().message()));
  }
  return tokenizer;
}

absl::StatusOr<Tokenizer> Tokenizer::FromJson(absl::string_view json) {
  lockstep_tokenizer* handle = nullptr;
  lockstep_text error;
  if (!lockstep_tokenizer_from_json(ToView(json), &handle, &error)) {
    return TakeError(error);
  }
  return Tokenizer(Handle(handle));
}

absl::StatusOr<Encoding> Tokenizer::Encode(absl::string_view text,
                                           SpecialTokens special) const {
  if (static_cast<int64_t>(text.size()) > kMaxTextBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a text of ", text.size(), " bytes; at most ",
                     kMaxTextBytes, " are tokenised at once"));
  }
  lockstep_encoding encoding;
  lockstep_text error;
  if (!lockstep_tokenizer_encode(handle_.get(), ToView(text),
                                 special == SpecialTokens::kAdd, &encoding,
                                 &error)) {
    return TakeError(error);
  }
  const absl::Cleanup free = [&] { lockstep_encoding_free(encoding); };
  Encoding result;
  result.ids.assign(encoding.ids, encoding.ids + encoding.size);
  result.offsets = ToSpans(encoding.offsets, encoding.size);
  return result;
}

absl::StatusOr<std::string> Tokenizer::Decode(absl::Span<const int32_t> ids,
                                              bool skip_special_tokens) const {
  const std::vector<uint32_t> raw(ids.begin(), ids.end());
  lockstep_text text;
  lockstep_text error;
  if (!lockstep_tokenizer_decode(handle_.get(), raw.data(), raw.size(),
                                 skip_special_tokens, &text, &error)) {
    return TakeError(error);
  }
  return TakeText(text);
}

std::optional<int32_t> Tokenizer::TokenToId(absl::string_view token) const {
  const int64_t id =
      lockstep_tokenizer_token_to_id(handle_.get(), ToView(token));
  if (id < 0) return std::nullopt;
  return static_cast<int32_t>(id);
}

std::optional<std::string> Tokenizer::IdToToken(int32_t id) const {
  lockstep_text token;
  if (!lockstep_tokenizer_id_to_token(handle_.get(), static_cast<uint32_t>(id),
                                      &token)) {
    return std::nullopt;
  }
  return TakeText(token);
}

int64_t Tokenizer::vocab_size() const {
  return static_cast<int64_t>(lockstep_tokenizer_vocab_size(handle_.get()));
}

}  // namespace lockstep
