#include "client/cli/hub_cache.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/contract/hub_commit.h"

namespace lockstep::cli {
namespace {

namespace fs = std::filesystem;

bool IsIdPart(absl::string_view part) {
  return !part.empty() && absl::ascii_isalnum(part.front()) &&
         absl::ascii_isalnum(part.back()) && !absl::StrContains(part, "--") &&
         !absl::StrContains(part, "..") &&
         std::all_of(part.begin(), part.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
         });
}

bool IsFolder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

absl::Status Missing(const fs::path& path) {
  return absl::NotFoundError(absl::StrCat(path.string(), " is missing"));
}

// The folder of an id; other values as they are.
absl::StatusOr<std::string> Resolve(const std::string& folder,
                                    const std::string& value) {
  if (!IsHubId(value) || IsFolder(fs::path(folder) / value)) return value;
  absl::StatusOr<std::string> found = FindInHubCache(HubCacheFolder(), value);
  if (found.ok()) return found;
  return absl::NotFoundError(
      absl::StrCat(value, " is neither a folder in ", folder,
                   " nor in the Hugging Face cache: ", found.status().message(),
                   "; fetch it with `hf download ", value,
                   "`, or give the path of a folder"));
}

}  // namespace

bool IsHubId(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  return IsIdPart(parts.first) && IsIdPart(parts.second);
}

std::string HubCacheFolder() {
  constexpr std::pair<const char*, const char*> kPlaces[] = {
      {"HF_HUB_CACHE", ""},
      {"HF_HOME", "/hub"},
      {"XDG_CACHE_HOME", "/huggingface/hub"},
      {"HOME", "/.cache/huggingface/hub"}};
  for (const auto& [variable, below] : kPlaces) {
    const char* value = std::getenv(variable);
    if (value != nullptr && value[0] != '\0') {
      return absl::StrCat(absl::StripSuffix(value, "/"), below);
    }
  }
  return "";
}

absl::StatusOr<std::string> FindInHubCache(const std::string& cache,
                                           absl::string_view id) {
  std::vector<std::string> parts = absl::StrSplit(id, '/');
  const fs::path model =
      fs::path(cache) /
      absl::StrCat("models--", parts.front(), "--", parts.back());
  if (!IsFolder(model)) return Missing(model);
  const fs::path ref = model / "refs" / "main";
  std::ifstream file(ref);
  if (!file) return Missing(ref);
  std::string commit;
  file >> commit;
  // So it leads nowhere but into snapshots.
  if (!IsHubCommit(commit)) {
    return absl::InvalidArgumentError(
        absl::StrCat(ref.string(), " does not hold a commit of ",
                     kHubCommitDigits, " hexadecimal digits"));
  }
  const fs::path snapshot = model / "snapshots" / commit;
  if (!IsFolder(snapshot)) return Missing(snapshot);
  return snapshot.lexically_normal().string();
}

void ResolveHubIds(SpecFile* file) {
  if (!file->spec.has_model()) return;
  v1::ModelSpec& model = *file->spec.mutable_model();
  const auto resolve = [&](const char* field, std::string* value) {
    absl::StatusOr<std::string> found = Resolve(file->folder, *value);
    if (found.ok()) {
      *value = *std::move(found);
      return;
    }
    file->problems.push_back(
        {file->positions[field], field, std::string(found.status().message())});
  };
  resolve("model.path", model.mutable_path());
  if (model.has_adapter()) resolve("model.adapter", model.mutable_adapter());
}

absl::Status ResolveHubIds(std::vector<std::string>* words) {
  constexpr absl::string_view kFlag = "--model";
  std::error_code ignored;
  const std::string here = fs::current_path(ignored).string();
  for (size_t i = 0; i < words->size(); ++i) {
    std::string& word = (*words)[i];
    const bool follows = i > 0 && (*words)[i - 1] == kFlag;
    absl::string_view value = word;
    if (!follows && !absl::ConsumePrefix(&value, absl::StrCat(kFlag, "="))) {
      continue;
    }
    const absl::StatusOr<std::string> found = Resolve(here, std::string(value));
    if (!found.ok()) return found.status();
    word = follows ? *found : absl::StrCat(kFlag, "=", *found);
  }
  return absl::OkStatus();
}

}  // namespace lockstep::cli
