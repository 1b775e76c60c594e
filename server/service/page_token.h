#ifndef LOCKSTEP_SERVER_SERVICE_PAGE_TOKEN_H_
#define LOCKSTEP_SERVER_SERVICE_PAGE_TOKEN_H_

// Page tokens: where the page before ended, and a digest of what was asked for,
// so that a token is of no use for another question. Opaque to clients, no
// secret, and good across restarts.

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lockstep {

// `question` is all of the request but page_size and page_token.
std::string MakePageToken(absl::string_view question,
                          absl::string_view position);

// The position in a token; empty for an empty token. INVALID_ARGUMENT:
// INVALID_PAGE_TOKEN, none of ours or of another question.
absl::StatusOr<std::string> PositionOf(absl::string_view question,
                                       absl::string_view token);

// page_size as it is granted: 100 unless given, at most 1000.
int GrantedPageSize(int wanted);

// A client refuses messages above 4 MiB; pages end before.
inline constexpr size_t kLargestPageBytes = 3 << 20;

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_PAGE_TOKEN_H_
