#ifndef LOCKSTEP_WORKER_DATA_TOKEN_CACHE_H_
#define LOCKSTEP_WORKER_DATA_TOKEN_CACHE_H_

// Tokenised documents on disk: written once by prepare, read by every rank.
// One file a split, DIR/train.tokens and DIR/eval.tokens:
//
//   64 bytes   magic "LSTOKENS", format version, number of documents, tokens
//              and source files, digest of what the cache was made from
//   ids        int32 a token
//   trained    one bit a token, lowest bit first
//   offsets    int64 a document, and one more: where its tokens begin
//   origins    (uint32 source, uint32 line) a document
//   sources    paths of the source files, each ended by a newline
//
// All little-endian. Read with pread, never mapped: a file that somebody cuts
// short is an error, not a SIGBUS.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lockstep {

// One training document. trained[i] says that ids[i] is to be learned; since
// nothing precedes it, trained[0] has no effect.
struct Document {
  std::vector<int32_t> ids;
  std::vector<uint8_t> trained;
};

// Number of tokens that contribute to the loss.
int64_t CountLossTerms(const Document& document);

// Where a document came from.
struct DocumentOrigin {
  std::string file;
  int64_t line = 0;
};

// Writes one split. Ids are streamed, the rest is kept until Finish. Not
// thread-safe.
class TokenCacheWriter {
 public:
  // Creates DIR/SPLIT.tokens; `digest` is 64 hexadecimal digits.
  static absl::StatusOr<std::unique_ptr<TokenCacheWriter>> Create(
      const std::string& dir, const std::string& split,
      const std::string& digest);
  ~TokenCacheWriter();
  TokenCacheWriter(const TokenCacheWriter&) = delete;
  TokenCacheWriter& operator=(const TokenCacheWriter&) = delete;

  absl::Status Append(const Document& document, const DocumentOrigin& origin);

  // Completes the file and has it on disk. A file without Finish does not
  // open.
  absl::Status Finish();

 private:
  TokenCacheWriter(std::string path, int fd, std::string digest);
  absl::Status FlushIds();

  const std::string path_;
  int fd_;
  const std::string digest_;
  std::vector<int32_t> pending_ids_;
  std::vector<uint8_t> trained_bits_;
  std::vector<int64_t> offsets_ = {0};
  std::vector<uint32_t> origins_;
  std::vector<std::string> sources_;
};

// Reads one split; offsets are in memory, tokens stay on disk. Immutable after
// Open, so it may be read by several threads.
class TokenCache {
 public:
  using Document = lockstep::Document;

  // `split` is "train" or "eval". NOT_FOUND: no such file.
  // FAILED_PRECONDITION: another format version. DATA_LOSS: a damaged file.
  static absl::StatusOr<TokenCache> Open(const std::string& dir,
                                         const std::string& split = "train");
  TokenCache(TokenCache&& other) noexcept;
  TokenCache& operator=(TokenCache&& other) noexcept;
  ~TokenCache();

  int64_t num_documents() const {
    return static_cast<int64_t>(offsets_.size()) - 1;
  }
  int64_t num_tokens() const { return offsets_.back(); }
  // Of what the cache was made from: data, tokenizer, template, settings.
  const std::string& digest() const { return digest_; }

  int64_t DocumentLength(int64_t index) const {
    return offsets_[index + 1] - offsets_[index];
  }
  absl::StatusOr<Document> Read(int64_t index) const;
  absl::StatusOr<DocumentOrigin> Origin(int64_t index) const;

 private:
  TokenCache() = default;
  absl::Status ReadHeader();
  absl::Status ReadTables(int64_t documents, int64_t tokens, int64_t sources);
  absl::Status ReadAt(int64_t position, void* out, int64_t bytes) const;

  std::string path_;
  int fd_ = -1;
  std::string digest_;
  std::vector<int64_t> offsets_ = {0};
  std::vector<std::string> sources_;
  int64_t trained_begin_ = 0;
  int64_t origins_begin_ = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_DATA_TOKEN_CACHE_H_
