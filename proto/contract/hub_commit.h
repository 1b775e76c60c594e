#ifndef LOCKSTEP_PROTO_CONTRACT_HUB_COMMIT_H_
#define LOCKSTEP_PROTO_CONTRACT_HUB_COMMIT_H_

// The commits by which the Hugging Face hub and its cache name a state of a
// model: SHA-1 in hexadecimal.

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"

namespace lockstep {

inline constexpr size_t kHubCommitDigits = 40;

inline bool IsHubCommit(absl::string_view text) {
  return text.size() == kHubCommitDigits &&
         std::all_of(text.begin(), text.end(), absl::ascii_isxdigit);
}

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_HUB_COMMIT_H_
