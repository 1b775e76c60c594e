#include "worker/io/sharded_writer.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "proto/contract/check.h"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"
#include "worker/io/float_conversion.h"

namespace lockstep {
namespace {

int64_t StoredBytes(const TensorSpec& tensor) {
  const absl::StatusOr<int64_t> width = FloatDtypeBytes(tensor.dtype);
  LOCKSTEP_CHECK(width.ok());
  return NumElements(tensor.shape) * *width;
}

// Fills each shard until the next tensor would not fit. Returns the first
// tensor of each, and the number of tensors.
std::vector<size_t> CutIntoShards(const std::vector<TensorSpec>& tensors,
                                  int64_t max_bytes) {
  std::vector<size_t> bounds = {0};
  int64_t bytes = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const int64_t more = StoredBytes(tensors[i]);
    if (i > bounds.back() && bytes + more > max_bytes) {
      bounds.push_back(i);
      bytes = 0;
    }
    bytes += more;
  }
  bounds.push_back(tensors.size());
  return bounds;
}

}  // namespace

ShardedWriter::ShardedWriter(std::string dir, std::string stem,
                             std::vector<TensorSpec> tensors,
                             int64_t max_shard_bytes)
    : dir_(std::move(dir)),
      stem_(std::move(stem)),
      tensors_(std::move(tensors)),
      bounds_(CutIntoShards(tensors_, max_shard_bytes)) {}

std::string ShardedWriter::ShardName(size_t shard) const {
  const size_t shards = bounds_.size() - 1;
  if (shards == 1) return stem_ + ".safetensors";
  return absl::StrFormat("%s-%05d-of-%05d.safetensors", stem_, shard + 1,
                         shards);
}

absl::Status ShardedWriter::OpenShard() {
  const std::vector<TensorSpec> tensors(
      tensors_.begin() + static_cast<ptrdiff_t>(bounds_[shard_]),
      tensors_.begin() + static_cast<ptrdiff_t>(bounds_[shard_ + 1]));
  ASSIGN_OR_RETURN(writer_,
                   SafetensorsWriter::Create(JoinPath(dir_, ShardName(shard_)),
                                             tensors, PytorchMetadata()));
  return absl::OkStatus();
}

absl::Status ShardedWriter::CloseShard() {
  ASSIGN_OR_RETURN(FileDigest digest, writer_->Finish(/*sync=*/true));
  files_.push_back({ShardName(shard_), std::move(digest)});
  writer_.reset();
  ++shard_;
  return absl::OkStatus();
}

absl::Status ShardedWriter::Append(const float* data) {
  LOCKSTEP_CHECK(next_ < tensors_.size());
  if (writer_ == nullptr) RETURN_IF_ERROR(OpenShard());
  const TensorSpec& tensor = tensors_[next_];
  RETURN_IF_ERROR(
      writer_->AppendFloats(tensor.dtype, data, NumElements(tensor.shape)));
  ++next_;
  if (next_ == bounds_[shard_ + 1]) return CloseShard();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<WrittenFile>> ShardedWriter::Finish() {
  LOCKSTEP_CHECK(next_ == tensors_.size());
  if (tensors_.empty()) {
    RETURN_IF_ERROR(OpenShard());
    RETURN_IF_ERROR(CloseShard());
  }
  if (files_.size() > 1) RETURN_IF_ERROR(WriteIndex());
  return files_;
}

absl::Status ShardedWriter::WriteIndex() {
  int64_t total = 0;
  nlohmann::json weight_map = nlohmann::json::object();
  for (size_t shard = 0; shard + 1 < bounds_.size(); ++shard) {
    for (size_t i = bounds_[shard]; i < bounds_[shard + 1]; ++i) {
      total += StoredBytes(tensors_[i]);
      weight_map[tensors_[i].name] = ShardName(shard);
    }
  }
  const nlohmann::json index = {{"metadata", {{"total_size", total}}},
                                {"weight_map", weight_map}};
  const std::string text = index.dump(2) + "\n";
  const std::string name = stem_ + ".safetensors.index.json";
  RETURN_IF_ERROR(WriteWholeFile(JoinPath(dir_, name), text, /*sync=*/true));
  files_.push_back(
      {name, {static_cast<int64_t>(text.size()), Sha256Hex(text)}});
  return absl::OkStatus();
}

}  // namespace lockstep
