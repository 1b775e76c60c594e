#ifndef LOCKSTEP_WORKER_IO_SAFETENSORS_H_
#define LOCKSTEP_WORKER_IO_SAFETENSORS_H_

// The safetensors format: 8 bytes header length, a JSON header, the tensors'
// bytes without holes. Headers of files that come from outside are checked in
// full before a byte of the data is believed (worker/text parses them); data
// is read with pread, never mapped, so that a file cut short while we read is
// an error and not a SIGBUS.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/io/sha256.h"

namespace lockstep {

struct TensorInfo {
  std::string name;
  // As the format spells it: F32, BF16, F16, I64, U8, ...
  std::string dtype;
  std::vector<int64_t> shape;
  // Absolute positions in the file.
  int64_t begin = 0;
  int64_t end = 0;
};

int64_t NumElements(const std::vector<int64_t>& shape);
// "[320, 64]".
std::string ShapeToString(const std::vector<int64_t>& shape);

// An open file. Immutable after Open: several threads may read.
class SafetensorsFile {
 public:
  // Reads and checks the header. NOT_FOUND: no such file. INVALID_ARGUMENT:
  // too short, header longer than the file, malformed, or data cut short; the
  // message names the file and the numbers.
  static absl::StatusOr<SafetensorsFile> Open(const std::string& path);
  SafetensorsFile(SafetensorsFile&& other) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&& other) noexcept;
  ~SafetensorsFile();

  const std::string& path() const { return path_; }
  // In the order of the data.
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  // NOT_FOUND names the tensor and the file.
  absl::StatusOr<TensorInfo> Find(const std::string& name) const;
  // INVALID_ARGUMENT: it has another shape.
  absl::StatusOr<TensorInfo> Find(const std::string& name,
                                  const std::vector<int64_t>& shape) const;

  // `out` holds end - begin bytes.
  absl::Status ReadRaw(const TensorInfo& tensor, void* out) const;
  // `bytes` of them from `offset` on.
  absl::Status ReadRaw(const TensorInfo& tensor, int64_t offset, int64_t bytes,
                       void* out) const;
  // Converts F32, BF16 and F16; other dtypes are INVALID_ARGUMENT.
  absl::Status ReadFloat32(const TensorInfo& tensor, float* out) const;
  // The same by name, the shape checked.
  absl::Status ReadFloat32(const std::string& name,
                           const std::vector<int64_t>& shape, float* out) const;

 private:
  SafetensorsFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  absl::Status ReadHeader();
  absl::Status ReadAt(int64_t position, void* out, int64_t bytes) const;

  std::string path_;
  int fd_ = -1;
  std::vector<TensorInfo> tensors_;
  absl::flat_hash_map<std::string, size_t> index_;
};

// What is to be written; name, dtype and shape only.
struct TensorSpec {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
};

// What has been written.
struct FileDigest {
  int64_t bytes = 0;
  std::string sha256;
};

// Writes a file front to back, so that no more than one tensor needs to be in
// memory. Not thread-safe.
class SafetensorsWriter {
 public:
  // Creates or replaces the file and writes the header.
  static absl::StatusOr<std::unique_ptr<SafetensorsWriter>> Create(
      const std::string& path, const std::vector<TensorSpec>& tensors,
      const std::map<std::string, std::string>& metadata);
  ~SafetensorsWriter();
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;

  // The next tensor's bytes, in the order given to Create; may come in parts.
  absl::Status Append(const void* data, int64_t bytes);
  // The same from float32, converted to the tensor's dtype.
  absl::Status AppendFloats(const std::string& dtype, const float* data,
                            int64_t elements);

  // All bytes must have been appended. With `sync` the file is on disk after.
  absl::StatusOr<FileDigest> Finish(bool sync);

 private:
  SafetensorsWriter(std::string path, int fd, int64_t data_bytes)
      : path_(std::move(path)), fd_(fd), left_(data_bytes) {}

  const std::string path_;
  int fd_;
  int64_t left_;
  int64_t written_ = 0;
  Sha256 sha256_;
};

// Metadata that Transformers and PEFT expect.
const std::map<std::string, std::string>& PytorchMetadata();

// A tensor in memory, in the dtype named.
struct TensorToWrite {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
  const void* data = nullptr;
};

absl::StatusOr<FileDigest> WriteSafetensors(
    const std::string& path, const std::vector<TensorToWrite>& tensors,
    const std::map<std::string, std::string>& metadata, bool sync);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_SAFETENSORS_H_
