#include "server/service/call_log.h"

#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/random/random.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/server_log.h"

namespace lockstep {
namespace {

// Two of the same key are nobody's.
std::optional<absl::string_view> OnlyValue(
    const grpc::CallbackServerContext& context, const char* key) {
  const auto [begin, end] = context.client_metadata().equal_range(key);
  if (begin == end || std::next(begin) != end) return std::nullopt;
  return absl::string_view(begin->second.data(), begin->second.length());
}

// Unique in this process, and as good as that among all.
std::string NewId() {
  static const uint64_t process = absl::Uniform<uint64_t>(absl::BitGen());
  static std::atomic<uint64_t> calls{0};
  return absl::StrCat(absl::Hex(process, absl::kZeroPad16), "-", ++calls);
}

bool IsRead(absl::string_view verb) {
  for (const absl::string_view prefix :
       {"Get", "List", "Watch", "Stream", "Explain"}) {
    if (absl::StartsWith(verb, prefix)) return true;
  }
  return false;
}

// What a client cannot bring about.
bool IsOurFault(absl::StatusCode code) {
  return code == absl::StatusCode::kInternal ||
         code == absl::StatusCode::kUnknown ||
         code == absl::StatusCode::kDataLoss;
}

}  // namespace

CallTags TagsOf(const grpc::CallbackServerContext& context) {
  CallTags tags;
  tags.peer = context.peer();
  tags.request_id =
      CheckedRequestId(OnlyValue(context, kRequestIdKey).value_or(""));
  if (tags.request_id.empty()) tags.request_id = NewId();
  const std::string header(OnlyValue(context, kTraceparentKey).value_or(""));
  const std::optional<TraceContext> trace = ParseTraceparent(header);
  if (trace.has_value()) {
    tags.traceparent = header.substr(0, kTraceparentBytes);
    tags.trace_id = trace->trace_id;
    tags.parent_id = trace->parent_id;
  }
  return tags;
}

bool IsLogged(absl::string_view method, absl::StatusCode code) {
  if (IsOurFault(code)) return true;
  return absl::StartsWith(method, "lockstep.v1.") &&
         !IsRead(method.substr(method.rfind('/') + 1));
}

void LogCall(absl::string_view method, const CallTags& tags,
             const absl::Status& status, absl::Duration took) {
  const std::string code = absl::StatusCodeToString(status.code());
  LogEntry entry;
  entry.severity =
      IsOurFault(status.code()) ? LogSeverity::kError : LogSeverity::kInfo;
  entry.source = "rpc";
  entry.message = absl::StrCat(
      tags.peer, " ", tags.principal.empty() ? "nobody" : tags.principal, " ",
      method, " ", code, status.ok() ? "" : ": ", status.message(),
      " (request ", tags.request_id, ")");
  entry.fields = {
      {"method", std::string(method)}, {"code", code},
      {"request_id", tags.request_id}, {"trace_id", tags.trace_id},
      {"parent_id", tags.parent_id},   {"peer", tags.peer},
      {"principal", tags.principal},   {"took", absl::FormatDuration(took)}};
  Log(entry);
}

}  // namespace lockstep
