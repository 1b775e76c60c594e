#include "worker/data/token_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/contract/check.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

constexpr char kMagic[9] = "LSTOKENS";
constexpr uint32_t kFormatVersion = 1;
constexpr size_t kDigestBytes = 32;
// Ids are written in blocks of this many.
constexpr size_t kPendingIds = 1 << 18;

// As on disk. All zero until Finish, so that a torn file does not open.
struct Header {
  char magic[8];
  uint32_t version;
  uint32_t sources_bytes;
  int64_t documents;
  int64_t tokens;
  unsigned char digest[kDigestBytes];
};
static_assert(sizeof(Header) == 64);

std::string SplitPath(const std::string& dir, const std::string& split) {
  return absl::StrCat(dir, "/", split, ".tokens");
}

absl::Status SystemError(const std::string& path, const char* action) {
  const int error = errno;
  const std::string message =
      absl::StrCat(path, ": cannot ", action, ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  if (error == ENOSPC || error == EDQUOT) {
    return absl::ResourceExhaustedError(message);
  }
  return absl::InternalError(message);
}

absl::Status WriteAt(int fd, const std::string& path, int64_t position,
                     const void* data, size_t bytes) {
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = pwrite(fd, next, bytes, position);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError(path, "write");
    next += written;
    position += written;
    bytes -= static_cast<size_t>(written);
  }
  return absl::OkStatus();
}

int64_t MaskBytes(int64_t tokens) { return (tokens + 7) / 8; }

}  // namespace

int64_t CountLossTerms(const Document& document) {
  int64_t count = 0;
  for (size_t i = 1; i < document.trained.size(); ++i) {
    count += document.trained[i] != 0 ? 1 : 0;
  }
  return count;
}

absl::StatusOr<std::unique_ptr<TokenCacheWriter>> TokenCacheWriter::Create(
    const std::string& dir, const std::string& split,
    const std::string& digest) {
  const std::string path = SplitPath(dir, split);
  const std::string raw = absl::HexStringToBytes(digest);
  LOCKSTEP_CHECK(raw.size() == kDigestBytes);
  const int fd =
      open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd < 0) return SystemError(path, "create");
  return std::unique_ptr<TokenCacheWriter>(new TokenCacheWriter(path, fd, raw));
}

TokenCacheWriter::TokenCacheWriter(std::string path, int fd, std::string digest)
    : path_(std::move(path)), fd_(fd), digest_(std::move(digest)) {}

TokenCacheWriter::~TokenCacheWriter() {
  if (fd_ >= 0) close(fd_);
}

absl::Status TokenCacheWriter::Append(const Document& document,
                                      const DocumentOrigin& origin) {
  LOCKSTEP_CHECK(document.ids.size() == document.trained.size());
  int64_t position = offsets_.back();
  for (size_t i = 0; i < document.ids.size(); ++i, ++position) {
    pending_ids_.push_back(document.ids[i]);
    if (position % 8 == 0) trained_bits_.push_back(0);
    if (document.trained[i] != 0) {
      trained_bits_.back() |= static_cast<uint8_t>(1u << (position % 8));
    }
  }
  offsets_.push_back(position);
  if (sources_.empty() || sources_.back() != origin.file) {
    sources_.push_back(origin.file);
  }
  origins_.push_back(static_cast<uint32_t>(sources_.size() - 1));
  origins_.push_back(static_cast<uint32_t>(origin.line));
  return pending_ids_.size() < kPendingIds ? absl::OkStatus() : FlushIds();
}

absl::Status TokenCacheWriter::FlushIds() {
  const int64_t flushed =
      offsets_.back() - static_cast<int64_t>(pending_ids_.size());
  RETURN_IF_ERROR(WriteAt(fd_, path_, sizeof(Header) + flushed * 4,
                          pending_ids_.data(), pending_ids_.size() * 4));
  pending_ids_.clear();
  return absl::OkStatus();
}

absl::Status TokenCacheWriter::Finish() {
  RETURN_IF_ERROR(FlushIds());
  std::string sources;
  for (const std::string& source : sources_) {
    absl::StrAppend(&sources, source, "\n");
  }
  int64_t position = sizeof(Header) + offsets_.back() * 4;
  const auto write = [&](const void* data, size_t bytes) {
    const int64_t at = position;
    position += static_cast<int64_t>(bytes);
    return WriteAt(fd_, path_, at, data, bytes);
  };
  RETURN_IF_ERROR(write(trained_bits_.data(), trained_bits_.size()));
  RETURN_IF_ERROR(write(offsets_.data(), offsets_.size() * 8));
  RETURN_IF_ERROR(write(origins_.data(), origins_.size() * 4));
  RETURN_IF_ERROR(write(sources.data(), sources.size()));

  Header header = {};
  std::memcpy(header.magic, kMagic, sizeof(header.magic));
  header.version = kFormatVersion;
  header.sources_bytes = static_cast<uint32_t>(sources.size());
  header.documents = static_cast<int64_t>(offsets_.size()) - 1;
  header.tokens = offsets_.back();
  std::memcpy(header.digest, digest_.data(), kDigestBytes);
  RETURN_IF_ERROR(WriteAt(fd_, path_, 0, &header, sizeof(header)));
  if (fsync(fd_) != 0) return SystemError(path_, "fsync");
  if (close(std::exchange(fd_, -1)) != 0) return SystemError(path_, "close");
  return absl::OkStatus();
}

absl::StatusOr<TokenCache> TokenCache::Open(const std::string& dir,
                                            const std::string& split) {
  TokenCache cache;
  cache.path_ = SplitPath(dir, split);
  cache.fd_ = open(cache.path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (cache.fd_ < 0) return SystemError(cache.path_, "open");
  RETURN_IF_ERROR(cache.ReadHeader());
  return cache;
}

TokenCache::TokenCache(TokenCache&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      digest_(std::move(other.digest_)),
      offsets_(std::move(other.offsets_)),
      sources_(std::move(other.sources_)),
      trained_begin_(other.trained_begin_),
      origins_begin_(other.origins_begin_) {}

TokenCache& TokenCache::operator=(TokenCache&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(digest_, other.digest_);
  std::swap(offsets_, other.offsets_);
  std::swap(sources_, other.sources_);
  std::swap(trained_begin_, other.trained_begin_);
  std::swap(origins_begin_, other.origins_begin_);
  return *this;
}

TokenCache::~TokenCache() {
  if (fd_ >= 0) close(fd_);
}

absl::Status TokenCache::ReadHeader() {
  struct stat info;
  if (fstat(fd_, &info) != 0) return SystemError(path_, "stat");
  Header header;
  RETURN_IF_ERROR(ReadAt(0, &header, sizeof(header)));
  if (std::memcmp(header.magic, kMagic, sizeof(header.magic)) != 0) {
    return absl::DataLossError(
        absl::StrCat(path_, ": is not a finished token cache"));
  }
  if (header.version != kFormatVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, ": has format version ", header.version,
                     "; this program reads ", kFormatVersion));
  }
  // Bounds first, so that the sum below cannot overflow.
  const int64_t size = info.st_size;
  const bool in_bounds = header.documents >= 0 && header.tokens >= 0 &&
                         header.documents <= size && header.tokens <= size;
  const int64_t expected =
      in_bounds ? static_cast<int64_t>(sizeof(header)) + header.tokens * 4 +
                      MaskBytes(header.tokens) + (header.documents + 1) * 8 +
                      header.documents * 8 + header.sources_bytes
                : -1;
  if (size != expected) {
    return absl::DataLossError(absl::StrCat(
        path_, ": is ", size, " bytes long; its header asks for ", expected));
  }
  digest_ = absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(header.digest), kDigestBytes));
  return ReadTables(header.documents, header.tokens, header.sources_bytes);
}

absl::Status TokenCache::ReadTables(int64_t documents, int64_t tokens,
                                    int64_t sources) {
  trained_begin_ = static_cast<int64_t>(sizeof(Header)) + tokens * 4;
  const int64_t offsets_begin = trained_begin_ + MaskBytes(tokens);
  offsets_.resize(static_cast<size_t>(documents) + 1);
  RETURN_IF_ERROR(ReadAt(offsets_begin, offsets_.data(),
                         static_cast<int64_t>(offsets_.size()) * 8));
  if (offsets_.front() != 0 || offsets_.back() != tokens ||
      !std::is_sorted(offsets_.begin(), offsets_.end())) {
    return absl::DataLossError(
        absl::StrCat(path_, ": its document offsets are damaged"));
  }
  origins_begin_ = offsets_begin + (documents + 1) * 8;
  std::string names(static_cast<size_t>(sources), '\0');
  RETURN_IF_ERROR(
      ReadAt(origins_begin_ + documents * 8, names.data(), sources));
  sources_ = absl::StrSplit(names, '\n', absl::SkipEmpty());
  return absl::OkStatus();
}

absl::Status TokenCache::ReadAt(int64_t position, void* out,
                                int64_t bytes) const {
  char* next = static_cast<char*>(out);
  while (bytes > 0) {
    const ssize_t got = pread(fd_, next, static_cast<size_t>(bytes), position);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError(path_, "read");
    if (got == 0) {
      return absl::DataLossError(
          absl::StrCat(path_, ": ends at byte ", position));
    }
    next += got;
    position += got;
    bytes -= got;
  }
  return absl::OkStatus();
}

absl::StatusOr<Document> TokenCache::Read(int64_t index) const {
  LOCKSTEP_CHECK(index >= 0 && index < num_documents());
  const int64_t begin = offsets_[index];
  const int64_t length = DocumentLength(index);
  Document document;
  document.ids.resize(static_cast<size_t>(length));
  document.trained.resize(static_cast<size_t>(length));
  RETURN_IF_ERROR(ReadAt(static_cast<int64_t>(sizeof(Header)) + begin * 4,
                         document.ids.data(), length * 4));
  std::vector<uint8_t> bits(
      static_cast<size_t>(MaskBytes(begin + length) - begin / 8));
  RETURN_IF_ERROR(ReadAt(trained_begin_ + begin / 8, bits.data(),
                         static_cast<int64_t>(bits.size())));
  for (int64_t i = 0; i < length; ++i) {
    const int64_t bit = begin % 8 + i;
    document.trained[i] = (bits[bit / 8] >> (bit % 8)) & 1u;
  }
  return document;
}

absl::StatusOr<DocumentOrigin> TokenCache::Origin(int64_t index) const {
  LOCKSTEP_CHECK(index >= 0 && index < num_documents());
  uint32_t origin[2];
  RETURN_IF_ERROR(ReadAt(origins_begin_ + index * 8, origin, sizeof(origin)));
  if (origin[0] >= sources_.size()) {
    return absl::DataLossError(
        absl::StrCat(path_, ": origin of document ", index, " is damaged"));
  }
  return DocumentOrigin{sources_[origin[0]], origin[1]};
}

}  // namespace lockstep
