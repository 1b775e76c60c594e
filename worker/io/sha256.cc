#include "worker/io/sha256.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/check.h"
#include "worker/io/file.h"

namespace lockstep {

void Sha256::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  LOCKSTEP_CHECK(context_ != nullptr);
  LOCKSTEP_CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(const void* data, size_t bytes) {
  LOCKSTEP_CHECK(EVP_DigestUpdate(context_.get(), data, bytes) == 1);
}

void Sha256::UpdateField(absl::string_view field) {
  const uint64_t length = field.size();
  Update(&length, sizeof(length));
  Update(field.data(), field.size());
}

std::string Sha256::HexDigest() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  LOCKSTEP_CHECK(EVP_DigestFinal_ex(context_.get(), digest, &length) == 1);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), length));
}

std::string Sha256Hex(absl::string_view content) {
  Sha256 sha256;
  sha256.Update(content.data(), content.size());
  return sha256.HexDigest();
}

absl::StatusOr<std::string> Sha256OfFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return ErrnoToStatus(errno, "open", path);
  const absl::Cleanup close_fd = [fd] { close(fd); };
  struct stat info;
  if (fstat(fd, &info) != 0) return ErrnoToStatus(errno, "stat", path);
  if (!S_ISREG(info.st_mode)) {  // A device may have no end.
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is not a regular file"));
  }
  Sha256 sha256;
  std::vector<char> block(1 << 16);
  while (true) {
    const ssize_t got = read(fd, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoToStatus(errno, "read", path);
    if (got == 0) break;
    sha256.Update(block.data(), static_cast<size_t>(got));
  }
  return sha256.HexDigest();
}

}  // namespace lockstep
