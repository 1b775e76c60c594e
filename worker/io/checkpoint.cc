#include "worker/io/checkpoint.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"
#include "worker/io/sha256.h"

namespace lockstep {
namespace {

constexpr int64_t kMaxTextBytes = 64 << 20;

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

}  // namespace lockstep
