#include "server/service/job_watch.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"
#include "server/clock.h"
#include "server/service/message_bytes.h"

namespace lockstep {
namespace {

// A watch whose client does not read holds so many jobs.
constexpr int kJobsAtATime = 16;
constexpr int kChangesAtATime = 8;

// Entries are told when they are on disk, so only a restored backup forgets
// one.
absl::Status ResumeTokenExpired(const std::string& token, int64_t newest) {
  return errors::Error(
      absl::StatusCode::kOutOfRange, "RESUME_TOKEN_EXPIRED",
      absl::StrCat("resume_token: \"", token,
                   "\" is ahead of the journal, whose newest entry is ", newest,
                   ": the store was replaced by an older one; list again"));
}

}  // namespace

JobWatch::JobWatch(const ServiceParts& parts, ChangeCache& cache,
                   absl::StatusOr<v1::WatchJobsRequest> request)
    : PullStream(parts, "lockstep.v1.JobService/WatchJobs"),
      cache_(cache),
      readable_(request.status()),
      request_(std::move(request).value_or(v1::WatchJobsRequest())) {}

StreamTurn JobWatch::Next(grpc::ByteBuffer* response) {
  if (!begun_) {
    if (absl::Status status = Begin(); !status.ok()) {
      return StreamTurn::End(std::move(status));
    }
    begun_ = true;
    last_sent_ = parts().clock.Now();
    subscription_ = parts().events.Subscribe(Waker());
  }
  StreamTurn turn =
      in_snapshot_ ? NextOfSnapshot(response) : NextChange(response);
  if (turn.what == StreamTurn::What::kWrite) last_sent_ = parts().clock.Now();
  return turn;
}

absl::Status JobWatch::Begin() {
  RETURN_IF_ERROR(readable_);
  if (!request_.name().empty()) {
    RETURN_IF_ERROR(CheckJobName(request_.name()));
    RETURN_IF_ERROR(parts().store.Find(request_.name()).status());
  }
  if (!request_.resume_token().empty()) return BeginAtToken();
  // Before the snapshot is read: what happens meanwhile is in both, which is
  // harmless, and never in neither.
  cursor_ = parts().store.LastSequence();
  in_snapshot_ = true;
  rest_of_snapshot_.page_size = kJobsAtATime;
  if (!request_.name().empty()) {
    ASSIGN_OR_RETURN(v1::Job job, parts().store.Get(request_.name()));
    snapshot_.push_back(std::move(job));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(JobPage page, parts().store.List(rest_of_snapshot_));
  for (v1::Job& job : page.jobs) snapshot_.push_back(std::move(job));
  rest_of_snapshot_.page_token = page.next_page_token;
  return absl::OkStatus();
}

absl::Status JobWatch::BeginAtToken() {
  const std::string& token = request_.resume_token();
  if (!absl::SimpleAtoi(token, &cursor_) || cursor_ < 0) {
    return errors::InvalidResumeToken(token);
  }
  const int64_t newest = parts().store.LastSequence();
  if (cursor_ > newest) return ResumeTokenExpired(token, newest);
  return absl::OkStatus();
}

StreamTurn JobWatch::NextOfSnapshot(grpc::ByteBuffer* response) {
  if (snapshot_.empty()) {
    // There was no job at all: the client gets its token all the same.
    in_snapshot_ = false;
    return Bookmark(response);
  }
  v1::WatchJobsResponse added;
  added.set_type(v1::WatchJobsResponse::ADDED);
  *added.mutable_job() = std::move(snapshot_.front());
  snapshot_.pop_front();
  if (snapshot_.empty() && !rest_of_snapshot_.page_token.empty()) {
    absl::StatusOr<JobPage> page = parts().store.List(rest_of_snapshot_);
    if (!page.ok()) return StreamTurn::End(page.status());
    for (v1::Job& job : page->jobs) snapshot_.push_back(std::move(job));
    rest_of_snapshot_.page_token = page->next_page_token;
  }
  if (snapshot_.empty()) {
    in_snapshot_ = false;
    // Only the last one: who resumed within would miss the rest.
    added.set_resume_token(absl::StrCat(cursor_));
  }
  *response = ToBytes(added);
  return StreamTurn::Write(/*more=*/!snapshot_.empty());
}

StreamTurn JobWatch::NextChange(grpc::ByteBuffer* response) {
  if (deleted_) return StreamTurn::End(errors::JobNotFound(request_.name()));
  int64_t seen = cursor_;
  if (changes_.empty()) {
    absl::StatusOr<EventLog::Batch> batch =
        parts().events.Read(cursor_, kChangesAtATime, request_.name());
    if (!batch.ok()) return StreamTurn::End(batch.status());
    for (JournalEntry& entry : batch->entries) {
      changes_.push_back(std::move(entry));
    }
    seen = batch->cursor;
  }
  if (changes_.empty()) {
    cursor_ = seen;
    const absl::Duration quiet = parts().clock.Now() - last_sent_;
    if (quiet >= parts().options.bookmark_interval) return Bookmark(response);
    return StreamTurn::Wait(parts().options.bookmark_interval - quiet);
  }
  const JournalEntry& entry = changes_.front();
  cursor_ = entry.event.sequence();
  deleted_ = !request_.name().empty() &&
             ChangeTypeOf(entry.event) == v1::WatchJobsResponse::DELETED;
  *response = cache_.BytesOf(entry);
  changes_.pop_front();
  return StreamTurn::Write(/*more=*/!changes_.empty());
}

StreamTurn JobWatch::Bookmark(grpc::ByteBuffer* response) const {
  v1::WatchJobsResponse bookmark;
  bookmark.set_type(v1::WatchJobsResponse::BOOKMARK);
  bookmark.set_resume_token(absl::StrCat(cursor_));
  *response = ToBytes(bookmark);
  return StreamTurn::Write();
}

}  // namespace lockstep
