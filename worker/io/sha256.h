#ifndef LOCKSTEP_WORKER_IO_SHA256_H_
#define LOCKSTEP_WORKER_IO_SHA256_H_

// SHA-256, by OpenSSL. Digests are written as 64 lower-case hexadecimal
// digits, as sha256sum prints them.

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct evp_md_ctx_st;

namespace lockstep {

// Takes bytes as they come. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(const void* data, size_t bytes);
  // Length and content, so that ("ab", "c") and ("a", "bc") differ.
  void UpdateField(absl::string_view field);
  // Ends it; Update may not follow.
  std::string HexDigest();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

std::string Sha256Hex(absl::string_view content);

// Of a file of any length. NOT_FOUND and the like as of opening it;
// INVALID_ARGUMENT: not a regular file.
absl::StatusOr<std::string> Sha256OfFile(const std::string& path);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_SHA256_H_
