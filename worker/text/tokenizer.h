#ifndef LOCKSTEP_WORKER_TEXT_TOKENIZER_H_
#define LOCKSTEP_WORKER_TEXT_TOKENIZER_H_

// Hugging Face's own tokenizers, through the Rust library in shim/. A file's
// truncation and padding settings are not applied, as in Transformers: what is
// too long is the caller's business.
//
// Immutable after loading; several threads may encode with one Tokenizer.
// Loading a vocabulary of 150,000 takes 0.6 s: load once, not per row.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

struct lockstep_tokenizer;

namespace lockstep {

// Bytes [begin, end) of a text.
struct ByteSpan {
  int64_t begin = 0;
  int64_t end = 0;

  friend bool operator==(const ByteSpan&, const ByteSpan&) = default;
};

struct Encoding {
  std::vector<int32_t> ids;
  // Where each token came from in the text; empty spans for tokens that the
  // post-processor added. Tokens that share one character overlap.
  std::vector<ByteSpan> offsets;
};

// Whether the tokenizer's post-processor adds what it adds (BOS, EOS).
enum class SpecialTokens { kNone, kAdd };

class Tokenizer {
 public:
  // A tokenizer.json. NOT_FOUND: no such file; INVALID_ARGUMENT: not a
  // tokenizer. Messages name the file.
  static absl::StatusOr<Tokenizer> FromFile(const std::string& path);
  static absl::StatusOr<Tokenizer> FromJson(absl::string_view json);

  // INVALID_ARGUMENT: `text` is not UTF-8, or longer than kMaxTextBytes.
  absl::StatusOr<Encoding> Encode(absl::string_view text,
                                  SpecialTokens special) const;

  absl::StatusOr<std::string> Decode(absl::Span<const int32_t> ids,
                                     bool skip_special_tokens) const;

  std::optional<int32_t> TokenToId(absl::string_view token) const;
  std::optional<std::string> IdToToken(int32_t id) const;
  // Added tokens included.
  int64_t vocab_size() const;

  // A text of 10 MB of spaces costs half a minute and gigabytes.
  static constexpr int64_t kMaxTextBytes = 1 << 20;

 private:
  struct Free {
    void operator()(lockstep_tokenizer* tokenizer) const;
  };
  using Handle = std::unique_ptr<lockstep_tokenizer, Free>;
  explicit Tokenizer(Handle handle) : handle_(std::move(handle)) {}

  Handle handle_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TEXT_TOKENIZER_H_
