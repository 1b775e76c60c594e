#include "worker/io/checksums.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"
#include "worker/io/sha256.h"

namespace lockstep {
namespace {

constexpr int64_t kMaxChecksumsBytes = 1 << 20;
constexpr size_t kDigits = 64;
// Between digest and name: a binary file.
constexpr absl::string_view kBetween = " *";

absl::Status CheckLine(const std::string& dir, absl::string_view line) {
  if (line.size() <= kDigits + kBetween.size() ||
      line.substr(kDigits, kBetween.size()) != kBetween) {
    return absl::DataLossError(
        absl::StrCat(JoinPath(dir, kChecksumsFile), ": is damaged"));
  }
  const std::string path =
      JoinPath(dir, line.substr(kDigits + kBetween.size()));
  const absl::StatusOr<std::string> digest = Sha256OfFile(path);
  if (!digest.ok()) return absl::DataLossError(digest.status().message());
  if (*digest == line.substr(0, kDigits)) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(path, ": is damaged: its SHA-256 is ",
                                          *digest, "; ", kChecksumsFile,
                                          " says ", line.substr(0, kDigits)));
}

}  // namespace

absl::Status WriteChecksums(const std::string& dir,
                            const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const std::string digest,
                     Sha256OfFile(JoinPath(dir, name)));
    absl::StrAppend(&text, digest, kBetween, name, "\n");
  }
  return WriteWholeFile(JoinPath(dir, kChecksumsFile), text, /*sync=*/true);
}

absl::Status CheckChecksums(const std::string& dir) {
  ASSIGN_OR_RETURN(
      const std::string text,
      ReadWholeFile(JoinPath(dir, kChecksumsFile), kMaxChecksumsBytes));
  for (const absl::string_view line :
       absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    RETURN_IF_ERROR(CheckLine(dir, line));
  }
  return absl::OkStatus();
}

}  // namespace lockstep
