#include "proto/contract/trace_context.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace lockstep {
namespace {

constexpr size_t kVersionEnd = 2, kTraceBegin = 3, kTraceEnd = 35;
constexpr size_t kParentBegin = 36, kParentEnd = 52, kFlagsBegin = 53;
constexpr size_t kMostIdBytes = 64;

bool IsLowerHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

bool IsZero(absl::string_view text) {
  return text.find_first_not_of('0') == absl::string_view::npos;
}

}  // namespace

std::optional<TraceContext> ParseTraceparent(absl::string_view header) {
  if (header.size() < kTraceparentBytes) return std::nullopt;
  const absl::string_view version = header.substr(0, kVersionEnd);
  const absl::string_view trace =
      header.substr(kTraceBegin, kTraceEnd - kTraceBegin);
  const absl::string_view parent =
      header.substr(kParentBegin, kParentEnd - kParentBegin);
  const absl::string_view flags =
      header.substr(kFlagsBegin, kTraceparentBytes - kFlagsBegin);
  for (const size_t dash : {kVersionEnd, kTraceEnd, kParentEnd}) {
    if (header[dash] != '-') return std::nullopt;
  }
  // Later versions may have more behind another dash.
  const bool longer = header.size() > kTraceparentBytes;
  if (longer && (version == "00" || header[kTraceparentBytes] != '-')) {
    return std::nullopt;
  }
  for (const absl::string_view part : {version, trace, parent, flags}) {
    if (!IsLowerHex(part)) return std::nullopt;
  }
  if (version == "ff" || IsZero(trace) || IsZero(parent)) return std::nullopt;
  const char low = flags[1];
  const int digit = low <= '9' ? low - '0' : low - 'a' + 10;
  return TraceContext{std::string(trace), std::string(parent),
                      (digit & 1) != 0};
}

std::string CheckedRequestId(absl::string_view given) {
  const bool fits =
      !given.empty() && given.size() <= kMostIdBytes &&
      std::all_of(given.begin(), given.end(), [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' ||
               c == '_' || c == '-';
      });
  return fits ? std::string(given) : "";
}

}  // namespace lockstep
