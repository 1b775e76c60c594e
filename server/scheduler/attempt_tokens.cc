#include "server/scheduler/attempt_tokens.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <utility>

namespace lockstep {

std::string TokenDigest(absl::string_view token) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

bool SameDigest(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() &&
         CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void AttemptTokens::Put(absl::string_view digest, AttemptRef attempt) {
  absl::MutexLock lock(&mu_);
  live_.insert(attempt);
  by_digest_[std::string(digest)] = std::move(attempt);
}

void AttemptTokens::Remove(const AttemptRef& attempt) {
  absl::MutexLock lock(&mu_);
  live_.erase(attempt);
  absl::erase_if(by_digest_,
                 [&](const auto& entry) { return entry.second == attempt; });
}

// Looking up the digest and not the token keeps the time of the search from
// telling how much of a guess was right.
std::optional<AttemptRef> AttemptTokens::Find(absl::string_view token) const {
  const std::string digest = TokenDigest(token);
  absl::MutexLock lock(&mu_);
  const auto found = by_digest_.find(digest);
  if (found == by_digest_.end()) return std::nullopt;
  return found->second;
}

bool AttemptTokens::Has(const AttemptRef& attempt) const {
  absl::MutexLock lock(&mu_);
  return live_.contains(attempt);
}

}  // namespace lockstep
