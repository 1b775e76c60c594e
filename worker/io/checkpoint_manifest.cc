#include "worker/io/checkpoint_manifest.h"

#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"
#include "worker/io/sha256.h"

namespace lockstep {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr char kFormat[] = "lockstep.checkpoint";
constexpr int64_t kVersion = 1;

absl::Status Damaged(const std::string& path, absl::string_view why) {
  return absl::DataLossError(absl::StrCat(path, ": is damaged: ", why));
}

// Whether every key has the type that ManifestText gives it.
bool HasManifestShape(const OrderedJson& json) {
  if (!json.is_object() || json.value("format", OrderedJson()) != kFormat) {
    return false;
  }
  for (const char* key : {"step", "attempt"}) {
    if (!json.value(key, OrderedJson()).is_number_integer()) return false;
  }
  if (!json.value("files", OrderedJson()).is_array()) return false;
  for (const OrderedJson& file : json["files"]) {
    if (!file.is_object() || !file.value("name", OrderedJson()).is_string() ||
        !file.value("bytes", OrderedJson()).is_number_integer() ||
        !file.value("sha256", OrderedJson()).is_string()) {
      return false;
    }
  }
  return true;
}

// A name in a manifest that someone else wrote must not lead elsewhere.
bool IsPlainName(const std::string& name) {
  return !name.empty() && name.front() != '.' &&
         name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos && name != kManifestFile;
}

// With the digest of all that comes before it as the last key.
std::string SealedText(OrderedJson json) {
  json["sha256"] = Sha256Hex(json.dump(2));
  return json.dump(2) + "\n";
}

}  // namespace

std::string ManifestText(const CheckpointManifest& manifest) {
  OrderedJson json = {{"format", kFormat},
                      {"version", kVersion},
                      {"step", manifest.step},
                      {"attempt", manifest.attempt},
                      {"files", OrderedJson::array()}};
  for (const ManifestFile& file : manifest.files) {
    json["files"].push_back(
        {{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  return SealedText(std::move(json));
}

absl::StatusOr<CheckpointManifest> ParseManifest(absl::string_view text,
                                                 const std::string& path) {
  const OrderedJson json = OrderedJson::parse(text.begin(), text.end(), nullptr,
                                              /*allow_exceptions=*/false);
  if (!json.is_object()) return Damaged(path, "it is not a JSON object");
  OrderedJson body = json;
  body.erase("sha256");
  // One spelling only: so spaces are under the digest too.
  if (text != SealedText(std::move(body))) {
    return Damaged(path, "it does not agree with its own digest");
  }
  if (json.value("version", OrderedJson()) != kVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": version: ", json.value("version", OrderedJson()).dump(),
        " is not one that this build reads; allowed: ", kVersion));
  }
  if (!HasManifestShape(json)) return Damaged(path, "it is not a manifest");
  CheckpointManifest manifest;
  manifest.step = json["step"].get<int64_t>();
  manifest.attempt = json["attempt"].get<int64_t>();
  for (const OrderedJson& file : json["files"]) {
    manifest.files.push_back({file["name"].get<std::string>(),
                              file["bytes"].get<int64_t>(),
                              file["sha256"].get<std::string>()});
    if (!IsPlainName(manifest.files.back().name)) {
      return Damaged(
          path, absl::StrCat("it lists a file called ", file["name"].dump()));
    }
  }
  return manifest;
}

absl::Status VerifyFile(const std::string& dir, const ManifestFile& entry) {
  const std::string path = JoinPath(dir, entry.name);
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) {
    if (errno != ENOENT) return ErrnoToStatus(errno, "stat", path);
    return absl::DataLossError(absl::StrCat(
        path, ": is missing; the manifest lists ", entry.bytes, " bytes"));
  }
  if (!S_ISREG(info.st_mode)) {
    return absl::DataLossError(absl::StrCat(path, ": is not a regular file"));
  }
  if (info.st_size != entry.bytes) {
    return absl::DataLossError(
        absl::StrCat(path, ": is ", static_cast<int64_t>(info.st_size),
                     " bytes long; the manifest lists ", entry.bytes));
  }
  ASSIGN_OR_RETURN(const std::string sha256, Sha256OfFile(path));
  if (sha256 != entry.sha256) {
    return absl::DataLossError(absl::StrCat(
        path, ": has SHA-256 ", sha256, "; the manifest lists ", entry.sha256));
  }
  return absl::OkStatus();
}

}  // namespace lockstep
