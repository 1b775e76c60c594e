#include "server/service/job_watch.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"
#include "server/clock.h"

namespace lockstep {
namespace {

// A watch whose client does not read holds so many jobs.
constexpr int kJobsAtATime = 16;
constexpr int kChangesAtATime = 8;

v1::WatchJobsResponse::Type TypeOf(const v1::Event& event) {
  if (event.type() == "JOB_CREATED") return v1::WatchJobsResponse::ADDED;
  if (event.type() == kJobDeleted) return v1::WatchJobsResponse::DELETED;
  return v1::WatchJobsResponse::MODIFIED;
}

}  // namespace

JobWatch::JobWatch(const ServiceParts& parts, v1::WatchJobsRequest request)
    : PullStream(parts, "lockstep.v1.JobService/WatchJobs"),
      request_(std::move(request)) {}

StreamTurn JobWatch::Next(v1::WatchJobsResponse* response) {
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
  if (!request_.name().empty()) {
    RETURN_IF_ERROR(CheckJobName(request_.name()));
    RETURN_IF_ERROR(parts().store.Get(request_.name()).status());
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
  if (!absl::SimpleAtoi(request_.resume_token(), &cursor_) || cursor_ < 0 ||
      cursor_ > parts().store.LastSequence()) {
    return errors::InvalidResumeToken(request_.resume_token());
  }
  return absl::OkStatus();
}

StreamTurn JobWatch::NextOfSnapshot(v1::WatchJobsResponse* response) {
  if (snapshot_.empty()) {
    // There was no job at all: the client gets its token all the same.
    in_snapshot_ = false;
    return Bookmark(response);
  }
  response->set_type(v1::WatchJobsResponse::ADDED);
  *response->mutable_job() = std::move(snapshot_.front());
  snapshot_.pop_front();
  if (!snapshot_.empty()) return StreamTurn::Write();
  if (!rest_of_snapshot_.page_token.empty()) {
    absl::StatusOr<JobPage> page = parts().store.List(rest_of_snapshot_);
    if (!page.ok()) return StreamTurn::End(page.status());
    for (v1::Job& job : page->jobs) snapshot_.push_back(std::move(job));
    rest_of_snapshot_.page_token = page->next_page_token;
  }
  if (snapshot_.empty()) {
    in_snapshot_ = false;
    // Only the last one: who resumed within would miss the rest.
    response->set_resume_token(absl::StrCat(cursor_));
  }
  return StreamTurn::Write();
}

StreamTurn JobWatch::NextChange(v1::WatchJobsResponse* response) {
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
  JournalEntry entry = std::move(changes_.front());
  changes_.pop_front();
  cursor_ = entry.event.sequence();
  response->set_type(TypeOf(entry.event));
  deleted_ = !request_.name().empty() &&
             response->type() == v1::WatchJobsResponse::DELETED;
  *response->mutable_job() = *entry.job;
  *response->mutable_event() = std::move(entry.event);
  response->set_resume_token(absl::StrCat(cursor_));
  return StreamTurn::Write();
}

StreamTurn JobWatch::Bookmark(v1::WatchJobsResponse* response) {
  response->set_type(v1::WatchJobsResponse::BOOKMARK);
  response->set_resume_token(absl::StrCat(cursor_));
  return StreamTurn::Write();
}

}  // namespace lockstep
