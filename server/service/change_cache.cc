#include "server/service/change_cache.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "server/service/message_bytes.h"

namespace lockstep {
namespace {

// Those who keep up are within so many of each other.
constexpr size_t kHeld = 64;

grpc::ByteBuffer Encode(const JournalEntry& entry) {
  v1::WatchJobsResponse response;
  response.set_type(ChangeTypeOf(entry.event));
  *response.mutable_job() = *entry.job;
  *response.mutable_event() = entry.event;
  response.set_resume_token(absl::StrCat(entry.event.sequence()));
  return ToBytes(response);
}

}  // namespace

v1::WatchJobsResponse::Type ChangeTypeOf(const v1::Event& event) {
  if (event.type() == "JOB_CREATED") return v1::WatchJobsResponse::ADDED;
  if (event.type() == kJobDeleted) return v1::WatchJobsResponse::DELETED;
  return v1::WatchJobsResponse::MODIFIED;
}

grpc::ByteBuffer ChangeCache::BytesOf(const JournalEntry& entry) {
  const int64_t sequence = entry.event.sequence();
  absl::MutexLock lock(&mu_);
  const auto found =
      std::find_if(newest_.rbegin(), newest_.rend(), [&](const Held& held) {
        return held.sequence == sequence && held.job == entry.job;
      });
  if (found != newest_.rend()) return found->bytes;
  newest_.push_back({sequence, entry.job, Encode(entry)});
  if (newest_.size() > kHeld) newest_.pop_front();
  return newest_.back().bytes;
}

}  // namespace lockstep
