#include "worker/io/safetensors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "proto/contract/check.h"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"
#include "worker/io/float_conversion.h"
#include "worker/text/safetensors_header.h"

namespace lockstep {
namespace {

// No model needs more than a few hundred bytes a tensor.
constexpr uint64_t kMaxHeaderBytes = 16 << 20;
constexpr int64_t kLengthBytes = 8;

// Of the dtypes that this project writes.
int64_t WrittenBytes(const std::string& dtype) {
  if (dtype == "I64") return 8;
  const absl::StatusOr<int64_t> bytes = FloatDtypeBytes(dtype);
  LOCKSTEP_CHECK(bytes.ok());
  return *bytes;
}

// Padded with spaces to a multiple of 8, so that data are aligned.
std::string HeaderText(const std::vector<TensorSpec>& tensors,
                       const std::map<std::string, std::string>& metadata,
                       int64_t* data_bytes) {
  nlohmann::ordered_json header;
  if (!metadata.empty()) header["__metadata__"] = metadata;
  int64_t position = 0;
  for (const TensorSpec& tensor : tensors) {
    const int64_t end =
        position + NumElements(tensor.shape) * WrittenBytes(tensor.dtype);
    header[tensor.name] = {{"dtype", tensor.dtype},
                           {"shape", tensor.shape},
                           {"data_offsets", {position, end}}};
    position = end;
  }
  *data_bytes = position;
  std::string text = header.is_null() ? "{}" : header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

}  // namespace

int64_t NumElements(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

std::string ShapeToString(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

absl::StatusOr<SafetensorsFile> SafetensorsFile::Open(const std::string& path) {
  // O_NONBLOCK: a FIFO put in the file's place must not stop us here.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return ErrnoToStatus(errno, "open", path);
  SafetensorsFile file(path, fd);
  RETURN_IF_ERROR(file.ReadHeader());
  return file;
}

SafetensorsFile::SafetensorsFile(SafetensorsFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      tensors_(std::move(other.tensors_)),
      index_(std::move(other.index_)) {}

SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(tensors_, other.tensors_);
  std::swap(index_, other.index_);
  return *this;
}

SafetensorsFile::~SafetensorsFile() {
  if (fd_ >= 0) close(fd_);
}

absl::Status SafetensorsFile::ReadHeader() {
  struct stat info;
  if (fstat(fd_, &info) != 0) return ErrnoToStatus(errno, "stat", path_);
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path_, ": is not a regular file"));
  }
  const uint64_t file_bytes = static_cast<uint64_t>(info.st_size);
  if (file_bytes < kLengthBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path_, ": is ", file_bytes,
                     " bytes long; a safetensors file has at least 8"));
  }
  uint64_t header_bytes = 0;
  RETURN_IF_ERROR(ReadAt(0, &header_bytes, kLengthBytes));
  if (header_bytes > file_bytes - kLengthBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        path_, ": the header says that it is ", header_bytes,
        " bytes long, but the file has ", file_bytes - kLengthBytes, " left"));
  }
  if (header_bytes > kMaxHeaderBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path_, ": the header is ", header_bytes,
                     " bytes long; at most ", kMaxHeaderBytes, " are read"));
  }
  std::string text(header_bytes, '\0');
  RETURN_IF_ERROR(
      ReadAt(kLengthBytes, text.data(), static_cast<int64_t>(header_bytes)));
  const uint64_t data_begin = kLengthBytes + header_bytes;
  absl::StatusOr<SafetensorsHeader> header =
      ParseSafetensorsHeader(text, file_bytes - data_begin);
  if (!header.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path_, ": ", header.status().message()));
  }
  for (const auto& tensor : header->tensors) {
    index_[tensor.name] = tensors_.size();
    tensors_.push_back(
        {tensor.name, tensor.dtype,
         std::vector<int64_t>(tensor.shape.begin(), tensor.shape.end()),
         static_cast<int64_t>(data_begin + tensor.begin),
         static_cast<int64_t>(data_begin + tensor.end)});
  }
  return absl::OkStatus();
}

absl::StatusOr<TensorInfo> SafetensorsFile::Find(
    const std::string& name) const {
  const auto it = index_.find(name);
  if (it == index_.end()) {
    return absl::NotFoundError(absl::StrCat(path_, ": has no tensor ", name));
  }
  return tensors_[it->second];
}

absl::StatusOr<TensorInfo> SafetensorsFile::Find(
    const std::string& name, const std::vector<int64_t>& shape) const {
  ASSIGN_OR_RETURN(TensorInfo tensor, Find(name));
  if (tensor.shape == shape) return tensor;
  return absl::InvalidArgumentError(absl::StrCat(
      path_, ": tensor ", name, " has shape ", ShapeToString(tensor.shape),
      "; expected is ", ShapeToString(shape)));
}

absl::Status SafetensorsFile::ReadAt(int64_t position, void* out,
                                     int64_t bytes) const {
  char* next = static_cast<char*>(out);
  while (bytes > 0) {
    const ssize_t got = pread(fd_, next, static_cast<size_t>(bytes), position);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoToStatus(errno, "read", path_);
    if (got == 0) {
      return absl::DataLossError(absl::StrCat(
          path_, ": ends at byte ", position, ", ", bytes, " bytes short"));
    }
    next += got;
    position += got;
    bytes -= got;
  }
  return absl::OkStatus();
}

absl::Status SafetensorsFile::ReadRaw(const TensorInfo& tensor,
                                      void* out) const {
  return ReadRaw(tensor, 0, tensor.end - tensor.begin, out);
}

absl::Status SafetensorsFile::ReadRaw(const TensorInfo& tensor, int64_t offset,
                                      int64_t bytes, void* out) const {
  LOCKSTEP_CHECK(offset >= 0 && bytes >= 0 &&
                 bytes <= tensor.end - tensor.begin - offset);
  return ReadAt(tensor.begin + offset, out, bytes);
}

absl::Status SafetensorsFile::ReadFloat32(const TensorInfo& tensor,
                                          float* out) const {
  if (tensor.dtype == "F32") return ReadRaw(tensor, out);
  const absl::StatusOr<int64_t> width = FloatDtypeBytes(tensor.dtype);
  if (!width.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path_, ": tensor ", tensor.name, ": ", width.status().message()));
  }
  // In blocks, so that a large tensor is not in memory twice.
  constexpr int64_t kBlock = 1 << 20;
  std::vector<char> block;
  const int64_t elements = NumElements(tensor.shape);
  for (int64_t done = 0; done < elements; done += kBlock) {
    const int64_t count = std::min(kBlock, elements - done);
    block.resize(static_cast<size_t>(count * *width));
    RETURN_IF_ERROR(ReadAt(tensor.begin + done * *width, block.data(),
                           static_cast<int64_t>(block.size())));
    DecodeFloats(tensor.dtype, block.data(), count, out + done);
  }
  return absl::OkStatus();
}

absl::Status SafetensorsFile::ReadFloat32(const std::string& name,
                                          const std::vector<int64_t>& shape,
                                          float* out) const {
  ASSIGN_OR_RETURN(const TensorInfo tensor, Find(name, shape));
  return ReadFloat32(tensor, out);
}

absl::StatusOr<std::unique_ptr<SafetensorsWriter>> SafetensorsWriter::Create(
    const std::string& path, const std::vector<TensorSpec>& tensors,
    const std::map<std::string, std::string>& metadata) {
  int64_t data_bytes = 0;
  const std::string header = HeaderText(tensors, metadata, &data_bytes);
  const int fd =
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoToStatus(errno, "create", path);
  const uint64_t header_bytes = header.size();
  std::unique_ptr<SafetensorsWriter> writer(new SafetensorsWriter(
      path, fd,
      data_bytes + kLengthBytes + static_cast<int64_t>(header_bytes)));
  RETURN_IF_ERROR(writer->Append(&header_bytes, kLengthBytes));
  RETURN_IF_ERROR(
      writer->Append(header.data(), static_cast<int64_t>(header_bytes)));
  return writer;
}

SafetensorsWriter::~SafetensorsWriter() {
  if (fd_ >= 0) close(fd_);
}

absl::Status SafetensorsWriter::Append(const void* data, int64_t bytes) {
  LOCKSTEP_CHECK(bytes <= left_);
  const absl::string_view content(static_cast<const char*>(data),
                                  static_cast<size_t>(bytes));
  RETURN_IF_ERROR(WriteBytes(fd_, content, path_));
  sha256_.Update(data, static_cast<size_t>(bytes));
  left_ -= bytes;
  written_ += bytes;
  return absl::OkStatus();
}

absl::Status SafetensorsWriter::AppendFloats(const std::string& dtype,
                                             const float* data,
                                             int64_t elements) {
  if (dtype == "F32") return Append(data, elements * 4);
  constexpr int64_t kBlock = 1 << 20;
  const int64_t width = WrittenBytes(dtype);
  std::vector<char> block;
  for (int64_t done = 0; done < elements; done += kBlock) {
    const int64_t count = std::min(kBlock, elements - done);
    block.resize(static_cast<size_t>(count * width));
    EncodeFloats(dtype, data + done, count, block.data());
    RETURN_IF_ERROR(Append(block.data(), static_cast<int64_t>(block.size())));
  }
  return absl::OkStatus();
}

absl::StatusOr<FileDigest> SafetensorsWriter::Finish(bool sync) {
  LOCKSTEP_CHECK(left_ == 0);
  if (sync && fsync(fd_) != 0) return ErrnoToStatus(errno, "fsync", path_);
  if (close(std::exchange(fd_, -1)) != 0) {
    return ErrnoToStatus(errno, "close", path_);
  }
  return FileDigest{written_, sha256_.HexDigest()};
}

const std::map<std::string, std::string>& PytorchMetadata() {
  static const auto* const metadata =
      new std::map<std::string, std::string>{{"format", "pt"}};
  return *metadata;
}

absl::StatusOr<FileDigest> WriteSafetensors(
    const std::string& path, const std::vector<TensorToWrite>& tensors,
    const std::map<std::string, std::string>& metadata, bool sync) {
  std::vector<TensorSpec> specs;
  specs.reserve(tensors.size());
  for (const TensorToWrite& tensor : tensors) {
    specs.push_back({tensor.name, tensor.dtype, tensor.shape});
  }
  ASSIGN_OR_RETURN(auto writer,
                   SafetensorsWriter::Create(path, specs, metadata));
  for (const TensorToWrite& tensor : tensors) {
    RETURN_IF_ERROR(writer->Append(
        tensor.data, NumElements(tensor.shape) * WrittenBytes(tensor.dtype)));
  }
  return writer->Finish(sync);
}

}  // namespace lockstep
