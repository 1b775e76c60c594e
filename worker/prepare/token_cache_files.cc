#include "worker/prepare/token_cache_files.h"

#include <google/protobuf/util/json_util.h>

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"
#include "worker/data/token_cache.h"
#include "worker/io/checksums.h"
#include "worker/io/file.h"

namespace lockstep {
namespace {

constexpr char kCountsFile[] = "counts.json";
constexpr int64_t kMaxCountsBytes = 64 << 10;

absl::Status WriteSplit(const std::vector<PlacedDocument>& documents,
                        const std::string& split, const std::string& digest,
                        const std::string& dir) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TokenCacheWriter> writer,
                   TokenCacheWriter::Create(dir, split, digest));
  for (const PlacedDocument& placed : documents) {
    RETURN_IF_ERROR(writer->Append(placed.document, placed.origin));
  }
  return writer->Finish();
}

absl::Status CheckSplit(const std::string& split, const std::string& digest,
                        const std::string& dir) {
  ASSIGN_OR_RETURN(const TokenCache cache, TokenCache::Open(dir, split));
  if (cache.digest() == digest) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      dir, ": ", split, ".tokens is of the cache ", cache.digest()));
}

}  // namespace

absl::Status WriteTokenCacheFiles(const TokenizedData& data,
                                  const std::string& digest,
                                  const std::string& dir) {
  std::vector<std::string> files = {"train.tokens", kCountsFile};
  RETURN_IF_ERROR(WriteSplit(data.train, "train", digest, dir));
  if (!data.eval.empty()) {
    RETURN_IF_ERROR(WriteSplit(data.eval, "eval", digest, dir));
    files.emplace_back("eval.tokens");
  }
  std::string json;
  const auto written =
      google::protobuf::util::MessageToJsonString(data.counts, &json);
  if (!written.ok()) {
    return absl::InternalError(
        absl::StrCat(kCountsFile, ": ", std::string(written.message())));
  }
  RETURN_IF_ERROR(
      WriteWholeFile(JoinPath(dir, kCountsFile), json, /*sync=*/true));
  return WriteChecksums(dir, files);
}

absl::StatusOr<v1::Plan> ReadTokenCacheCounts(const std::string& dir,
                                              const std::string& digest) {
  RETURN_IF_ERROR(CheckChecksums(dir));
  const std::string path = JoinPath(dir, kCountsFile);
  ASSIGN_OR_RETURN(const std::string json,
                   ReadWholeFile(path, kMaxCountsBytes));
  v1::Plan counts;
  const auto read = google::protobuf::util::JsonStringToMessage(json, &counts);
  if (!read.ok()) {
    return absl::DataLossError(
        absl::StrCat(path, ": ", std::string(read.message())));
  }
  RETURN_IF_ERROR(CheckSplit("train", digest, dir));
  if (counts.eval_rows() > 0) RETURN_IF_ERROR(CheckSplit("eval", digest, dir));
  return counts;
}

}  // namespace lockstep
