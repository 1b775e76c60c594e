#ifndef LOCKSTEP_PROTO_CONTRACT_TRACE_CONTEXT_H_
#define LOCKSTEP_PROTO_CONTRACT_TRACE_CONTEXT_H_

// The traceparent of W3C Trace Context (https://www.w3.org/TR/trace-context/):
//
//   00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
//   version, trace id, id of the caller's span, flags
//
// in the metadata of a call or the variable TRACEPARENT.

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace lockstep {

inline constexpr char kTraceparentKey[] = "traceparent";
// What of it every version has.
inline constexpr size_t kTraceparentBytes = 55;
inline constexpr char kRequestIdKey[] = "x-request-id";

struct TraceContext {
  std::string trace_id;   // 32 hexadecimal digits.
  std::string parent_id;  // 16.
  bool sampled = false;
};

// Nothing for a header that the standard tells to ignore: a wrong length, upper
// case, an id of zeros, version ff. Of a later version what is known is read.
std::optional<TraceContext> ParseTraceparent(absl::string_view header);

// An id for a call: as the caller gave it if it is 1 to 64 of A-Z a-z 0-9 . _ -
// and nothing else; empty when it is not.
std::string CheckedRequestId(absl::string_view given);

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_TRACE_CONTEXT_H_
