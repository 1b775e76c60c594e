#ifndef LOCKSTEP_WORKER_IO_SHARDED_WRITER_H_
#define LOCKSTEP_WORKER_IO_SHARDED_WRITER_H_

// Writes tensors one after another into STEM.safetensors or, when they are
// large, into STEM-0000i-of-0000n.safetensors with STEM.safetensors.index.json,
// cut as Hugging Face cuts them. Front to back: one tensor in memory suffices.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/io/safetensors.h"

namespace lockstep {

// Hugging Face's "5GB".
inline constexpr int64_t kMaxShardBytes = 5'000'000'000;

// A file that was written and is on disk.
struct WrittenFile {
  // Within the folder.
  std::string name;
  FileDigest digest;
};

// Not thread-safe.
class ShardedWriter {
 public:
  // `dir` exists. A tensor larger than max_shard_bytes has a file of its own.
  ShardedWriter(std::string dir, std::string stem,
                std::vector<TensorSpec> tensors, int64_t max_shard_bytes);

  // The next tensor, whole, converted to its dtype. RESOURCE_EXHAUSTED: disk
  // full.
  absl::Status Append(const float* data);

  // All tensors must have been appended. The files, on disk.
  absl::StatusOr<std::vector<WrittenFile>> Finish();

 private:
  std::string ShardName(size_t shard) const;
  absl::Status OpenShard();
  absl::Status CloseShard();
  absl::Status WriteIndex();

  const std::string dir_;
  const std::string stem_;
  const std::vector<TensorSpec> tensors_;
  // First tensor of each shard, and the number of tensors.
  std::vector<size_t> bounds_;
  size_t next_ = 0;
  size_t shard_ = 0;
  std::unique_ptr<SafetensorsWriter> writer_;
  std::vector<WrittenFile> files_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_SHARDED_WRITER_H_
