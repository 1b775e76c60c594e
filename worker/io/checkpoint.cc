#include "worker/io/checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"
#include "worker/io/sha256.h"

namespace lockstep {
namespace {

constexpr char kPrefix[] = "checkpoint-";
constexpr int64_t kMaxTextBytes = 64 << 20;

absl::StatusOr<std::vector<std::string>> ListFolders(const std::string& dir) {
  std::error_code error;
  std::filesystem::directory_iterator entries(dir, error);
  if (error == std::errc::no_such_file_or_directory) {
    return std::vector<std::string>();
  }
  if (error) return ErrnoToStatus(error.value(), "list", dir);
  std::vector<std::string> names;
  for (const auto& entry : entries) {
    if (entry.is_directory(error)) names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// A number as we write it: digits, no sign, no zero before it.
std::optional<int64_t> ParseNumber(absl::string_view text) {
  int64_t number = 0;
  if (!absl::SimpleAtoi(text, &number) || absl::StrCat(number) != text ||
      number < 0) {
    return std::nullopt;
  }
  return number;
}

// M of checkpoint-STEP.aM.tmp and checkpoint-STEP.aM.replaced.tmp.
std::optional<int64_t> AttemptOfUnfinished(absl::string_view name) {
  if (!absl::ConsumePrefix(&name, kPrefix) ||
      !absl::ConsumeSuffix(&name, ".tmp")) {
    return std::nullopt;
  }
  absl::ConsumeSuffix(&name, ".replaced");
  const size_t mark = name.find(".a");
  if (mark == absl::string_view::npos || !ParseNumber(name.substr(0, mark))) {
    return std::nullopt;
  }
  return ParseNumber(name.substr(mark + 2));
}

// A damaged file is one thing for the caller, whatever layer finds it.
absl::Status AsDataLoss(const absl::Status& status) {
  if (!absl::IsInvalidArgument(status) && !absl::IsNotFound(status)) {
    return status;
  }
  return absl::DataLossError(status.message());
}

}  // namespace

absl::StatusOr<Checkpoint> Checkpoint::Open(
    const std::string& dir, const std::string& manifest_sha256) {
  Checkpoint checkpoint;
  CheckpointInfo& info = checkpoint.info_;
  const std::string path = JoinPath(dir, kManifestFile);
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, kMaxTextBytes));
  info.manifest_sha256 = Sha256Hex(text);
  if (!manifest_sha256.empty() && info.manifest_sha256 != manifest_sha256) {
    return absl::DataLossError(absl::StrCat(path, ": has SHA-256 ",
                                            info.manifest_sha256,
                                            "; listed is ", manifest_sha256));
  }
  ASSIGN_OR_RETURN(checkpoint.manifest_, ParseManifest(text, path));
  info.step = checkpoint.manifest_.step;
  info.attempt = checkpoint.manifest_.attempt;
  info.path = dir;
  info.size_bytes = static_cast<int64_t>(text.size());
  for (const ManifestFile& file : checkpoint.manifest_.files) {
    RETURN_IF_ERROR(VerifyFile(dir, file));
    info.size_bytes += file.bytes;
  }
  // Only now is anything believed.
  for (const ManifestFile& file : checkpoint.manifest_.files) {
    if (absl::EndsWith(file.name, ".safetensors")) {
      RETURN_IF_ERROR(AsDataLoss(checkpoint.OpenShard(file.name)));
    }
  }
  const std::string state_path = JoinPath(dir, kCheckpointStateFile);
  absl::StatusOr<std::string> state = ReadWholeFile(state_path, kMaxTextBytes);
  if (!state.ok()) return AsDataLoss(state.status());
  absl::StatusOr<CheckpointState> parsed =
      ParseCheckpointState(*state, state_path);
  if (!parsed.ok()) return AsDataLoss(parsed.status());
  checkpoint.state_ = *std::move(parsed);
  return checkpoint;
}

absl::Status Checkpoint::OpenShard(const std::string& name) {
  ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::Open(FilePath(name)));
  for (const TensorInfo& tensor : file.tensors()) {
    shard_of_[tensor.name] = shards_.size();
  }
  shards_.push_back(std::move(file));
  return absl::OkStatus();
}

bool Checkpoint::HasFile(const std::string& name) const {
  return std::any_of(
      manifest_.files.begin(), manifest_.files.end(),
      [&name](const ManifestFile& file) { return file.name == name; });
}

std::string Checkpoint::FilePath(const std::string& name) const {
  return JoinPath(info_.path, name);
}

std::vector<std::string> Checkpoint::WeightNames() const {
  std::vector<std::string> names;
  for (const auto& [name, shard] : shard_of_) {
    // Those of the optimizer are BUFFER/WEIGHT.
    if (!absl::StrContains(name, '/')) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status Checkpoint::ReadWeight(const std::string& name,
                                    const std::vector<int64_t>& shape,
                                    float* out) const {
  return Read(name, shape, out);
}

absl::Status Checkpoint::ReadOptimizer(const std::string& buffer,
                                       const std::string& name,
                                       const std::vector<int64_t>& shape,
                                       float* out) const {
  return Read(absl::StrCat(buffer, "/", name), shape, out);
}

absl::Status Checkpoint::Read(const std::string& name,
                              const std::vector<int64_t>& shape,
                              float* out) const {
  const auto it = shard_of_.find(name);
  if (it == shard_of_.end()) {
    return absl::DataLossError(
        absl::StrCat(info_.path, ": has no tensor ", name));
  }
  return AsDataLoss(shards_[it->second].ReadFloat32(name, shape, out));
}

std::string CheckpointFolderName(int64_t step) {
  return absl::StrCat(kPrefix, step);
}

absl::StatusOr<std::vector<int64_t>> ListCheckpointSteps(
    const std::string& output_dir) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   ListFolders(output_dir));
  std::vector<int64_t> steps;
  for (absl::string_view name : names) {
    if (!absl::ConsumePrefix(&name, kPrefix)) continue;
    if (const auto step = ParseNumber(name)) steps.push_back(*step);
  }
  std::sort(steps.rbegin(), steps.rend());
  return steps;
}

absl::StatusOr<std::vector<std::string>> RemoveUnfinishedCheckpoints(
    const std::string& output_dir, int64_t attempt) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   ListFolders(output_dir));
  std::vector<std::string> removed;
  for (const std::string& name : names) {
    const std::optional<int64_t> writer = AttemptOfUnfinished(name);
    if (!writer.has_value() || *writer >= attempt) continue;
    RETURN_IF_ERROR(RemoveTree(JoinPath(output_dir, name)));
    removed.push_back(name);
  }
  return removed;
}

}  // namespace lockstep
