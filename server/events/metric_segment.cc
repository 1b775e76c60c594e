#include "server/events/metric_segment.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/contract/status_macros.h"
#include "server/store/crc32c.h"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

constexpr char kSuffix[] = ".segment";
constexpr int64_t kHeader = 8;
// Far above a report of 1000 points; a longer one is not ours.
constexpr int64_t kLongestRecord = 16 << 20;

uint32_t LittleEndian(absl::string_view bytes) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) {
    value = value << 8 | static_cast<uint8_t>(bytes[i]);
  }
  return value;
}

void AppendLittleEndian(std::string& out, uint32_t value) {
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(value >> 8 * i));
}

std::string MakeRecord(absl::string_view payload) {
  std::string record;
  AppendLittleEndian(record, static_cast<uint32_t>(payload.size()));
  AppendLittleEndian(record, Crc32c(absl::StrCat(record, payload)));
  absl::StrAppend(&record, payload);
  return record;
}

// The payload of the record that `bytes` begins with; NOT_FOUND when there is
// no whole, sound one.
absl::StatusOr<absl::string_view> ParseRecord(absl::string_view bytes) {
  if (bytes.size() < static_cast<size_t>(kHeader)) {
    return absl::NotFoundError("half a header");
  }
  const int64_t length = LittleEndian(bytes);
  if (static_cast<int64_t>(bytes.size()) < kHeader + length) {
    return absl::NotFoundError("half a record");
  }
  const absl::string_view payload = bytes.substr(kHeader, length);
  if (Crc32c(absl::StrCat(bytes.substr(0, 4), payload)) !=
      LittleEndian(bytes.substr(4))) {
    return absl::NotFoundError("a wrong checksum");
  }
  return payload;
}

absl::Status IoError(absl::string_view what, absl::string_view path) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat(what, " ", path));
}

absl::StatusOr<int> OpenFile(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC, 0640);
  if (fd < 0) return IoError("open", path);
  return fd;
}

// Up to `size` bytes from `offset`; fewer at the end of the file.
absl::StatusOr<std::string> ReadAt(const std::string& path, int64_t offset,
                                   int64_t size) {
  ASSIGN_OR_RETURN(const int fd, OpenFile(path, O_RDONLY));
  auto closer = absl::MakeCleanup([fd] { close(fd); });
  std::string bytes(size, '\0');
  int64_t done = 0;
  while (done < size) {
    const ssize_t got =
        pread(fd, bytes.data() + done, size - done, offset + done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return IoError("read", path);
    if (got == 0) break;
    done += got;
  }
  bytes.resize(done);
  return bytes;
}

absl::Status SyncFolder(const std::string& folder) {
  ASSIGN_OR_RETURN(const int fd, OpenFile(folder, O_RDONLY | O_DIRECTORY));
  auto closer = absl::MakeCleanup([fd] { close(fd); });
  return fsync(fd) == 0 ? absl::OkStatus() : IoError("fsync", folder);
}

absl::Status WriteAndSync(const std::string& path, int fd, int64_t offset,
                          absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(fd, bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return IoError("write", path);
    bytes.remove_prefix(written);
    offset += written;
  }
  return fdatasync(fd) == 0 ? absl::OkStatus() : IoError("fdatasync", path);
}

}  // namespace

std::string SegmentFolder::PathOf(int64_t start) const {
  return absl::StrFormat("%s/%020d%s", folder_, start, kSuffix);
}

absl::StatusOr<SegmentFolder> SegmentFolder::Open(std::string folder,
                                                  int64_t segment_bytes,
                                                  const Visitor& visit) {
  SegmentFolder segments(std::move(folder), segment_bytes);
  RETURN_IF_ERROR(segments.FindSegments());
  for (size_t i = 0; i < segments.starts_.size(); ++i) {
    RETURN_IF_ERROR(segments.ScanSegment(
        segments.starts_[i], i + 1 == segments.starts_.size(), visit));
  }
  return segments;
}

absl::Status SegmentFolder::FindSegments() {
  std::error_code error;
  if (!fs::exists(folder_, error)) return absl::OkStatus();
  for (fs::directory_iterator entry(folder_, error), end;
       !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    int64_t start = 0;
    if (absl::EndsWith(name, kSuffix) &&
        absl::SimpleAtoi(name.substr(0, name.size() - sizeof(kSuffix) + 1),
                         &start)) {
      starts_.push_back(start);
    }
  }
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("list ", folder_));
  }
  std::sort(starts_.begin(), starts_.end());
  return absl::OkStatus();
}

absl::Status SegmentFolder::ScanSegment(int64_t start, bool last,
                                        const Visitor& visit) {
  const std::string path = PathOf(start);
  std::error_code error;
  const int64_t size = static_cast<int64_t>(fs::file_size(path, error));
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("size of ", path));
  }
  if (start != end_) {
    return absl::DataLossError(absl::StrCat(
        path, " does not follow the segment before it, which ends at ", end_));
  }
  ASSIGN_OR_RETURN(const std::string bytes, ReadAt(path, 0, size));
  absl::string_view rest = bytes;
  while (!rest.empty()) {
    const absl::StatusOr<absl::string_view> payload = ParseRecord(rest);
    if (!payload.ok()) {
      const int64_t good = size - static_cast<int64_t>(rest.size());
      if (!last) {
        return absl::DataLossError(absl::StrCat(
            path, ": ", payload.status().message(), " at byte ", good));
      }
      fs::resize_file(path, good, error);
      if (error) {
        return absl::ErrnoToStatus(error.value(), absl::StrCat("cut ", path));
      }
      break;
    }
    RETURN_IF_ERROR(visit(end_, *payload));
    rest.remove_prefix(kHeader + payload->size());
    end_ += kHeader + static_cast<int64_t>(payload->size());
  }
  return absl::OkStatus();
}

absl::Status SegmentFolder::StartSegment() {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("create ", folder_));
  }
  ASSIGN_OR_RETURN(const int fd, OpenFile(PathOf(end_), O_WRONLY | O_CREAT));
  close(fd);
  RETURN_IF_ERROR(SyncFolder(folder_));
  starts_.push_back(end_);
  return absl::OkStatus();
}

absl::Status SegmentFolder::Append(absl::string_view payload) {
  if (starts_.empty() || end_ - starts_.back() >= segment_bytes_) {
    RETURN_IF_ERROR(StartSegment());
  }
  const std::string path = PathOf(starts_.back());
  ASSIGN_OR_RETURN(const int fd, OpenFile(path, O_WRONLY));
  auto closer = absl::MakeCleanup([fd] { close(fd); });
  const std::string record = MakeRecord(payload);
  const int64_t offset = end_ - starts_.back();
  absl::Status status = WriteAndSync(path, fd, offset, record);
  if (!status.ok()) {
    // Half a record is overwritten by the next one, or cut at the next start.
    (void)!ftruncate(fd, offset);
    return status;
  }
  end_ += static_cast<int64_t>(record.size());
  return absl::OkStatus();
}

absl::StatusOr<std::string> SegmentFolder::Read(int64_t& position) const {
  if (position == end_) return absl::OutOfRangeError("the end");
  if (position < 0 || position > end_) return absl::NotFoundError("outside");
  const auto next = std::upper_bound(starts_.begin(), starts_.end(), position);
  const int64_t start = *(next - 1);
  const std::string path = PathOf(start);
  ASSIGN_OR_RETURN(std::string bytes, ReadAt(path, position - start, kHeader));
  if (bytes.size() == static_cast<size_t>(kHeader)) {
    const int64_t length = LittleEndian(bytes);
    if (length > kLongestRecord) return absl::NotFoundError("no record");
    ASSIGN_OR_RETURN(bytes, ReadAt(path, position - start, kHeader + length));
  }
  ASSIGN_OR_RETURN(const absl::string_view payload, ParseRecord(bytes));
  position += kHeader + static_cast<int64_t>(payload.size());
  return std::string(payload);
}

}  // namespace lockstep
