#include "server/service/log_stream.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/contract/errors.h"
#include "proto/contract/job_state.h"
#include "proto/contract/status_macros.h"
#include "server/clock.h"
#include "server/scheduler/proto_time.h"
#include "server/store/job_store.h"

namespace lockstep {
namespace {

// A stream whose client does not read holds two copies of this.
constexpr int64_t kBytesAtATime = 32 << 10;

}  // namespace

LogStream::LogStream(const ServiceParts& parts, v1::StreamLogsRequest request)
    : PullStream(parts, "lockstep.v1.JobService/StreamLogs"),
      request_(std::move(request)),
      attempt_(request_.prepare() ? 0 : request_.attempt()),
      skips_(request_.tail_lines() > 0 || request_.has_since()) {}

absl::Status LogStream::Begin() {
  RETURN_IF_ERROR(CheckJobName(request_.name()));
  ASSIGN_OR_RETURN(const SharedJob job, parts().store.Find(request_.name()));
  job_uid_ = job->uid();
  if (!request_.resume_token().empty()) RETURN_IF_ERROR(BeginAtToken());
  if (request_.follow()) changes_ = parts().events.Subscribe(Waker());
  begun_ = true;
  return absl::OkStatus();
}

absl::Status LogStream::BeginAtToken() {
  const std::string& token = request_.resume_token();
  const std::vector<absl::string_view> parts = absl::StrSplit(token, ':');
  int attempt = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &attempt) ||
      !absl::SimpleAtoi(parts[1], &offset_) || attempt < 0 || offset_ < 0 ||
      request_.prepare() != (attempt == 0) ||
      (attempt_ != 0 && attempt != attempt_)) {
    return errors::InvalidResumeToken(token);
  }
  attempt_ = attempt;
  skips_ = false;
  return absl::OkStatus();
}

absl::StatusOr<int64_t> LogStream::FirstOffset(const LogFile& log) const {
  int64_t first = 0;
  if (request_.tail_lines() > 0) {
    ASSIGN_OR_RETURN(first, log.TailOffset(request_.tail_lines()));
  }
  if (!request_.has_since()) return first;
  ASSIGN_OR_RETURN(const int64_t since,
                   log.SinceOffset(FromProto(request_.since())));
  return std::max(first, since);
}

std::string LogStream::PathIn(const v1::Job& job) const {
  const std::string folder =
      absl::StrCat(parts().options.jobs_dir, "/", job.uid(), "/");
  if (request_.prepare()) return folder + "prepare/prepare.log";
  return absl::StrCat(folder, "attempt-", attempt_, "/rank-", request_.rank(),
                      ".log");
}

bool LogStream::WriterEnded(const v1::Job& job) const {
  if (IsTerminal(job.state())) return true;
  if (request_.prepare()) return job.has_plan();
  return attempt_ > 0 && attempt_ <= job.attempts_size() &&
         job.attempts(attempt_ - 1).state() == v1::Attempt::ENDED;
}

StreamTurn LogStream::NoLog(const v1::Job& job) const {
  const std::string what =
      request_.prepare()
          ? "prepare"
          : absl::StrCat("rank ", request_.rank(), " of attempt ", attempt_);
  return StreamTurn::End(
      errors::Error(absl::StatusCode::kNotFound, "LOG_NOT_FOUND",
                    absl::StrCat(job.name(), ": ", what, " has no log"),
                    {{"name", job.name()}}));
}

StreamTurn LogStream::AtEnd(const v1::Job& job, bool writer_ended) {
  const bool newest_wanted = !request_.prepare() && request_.attempt() == 0;
  if (writer_ended && newest_wanted && attempt_ < job.attempt()) {
    ++attempt_;
    offset_ = 0;
    // Asked again at once: the log may be there already.
    return StreamTurn::Wait(absl::ZeroDuration());
  }
  const bool another_may_come = newest_wanted && !IsTerminal(job.state());
  if (!request_.follow() || (writer_ended && !another_may_come)) {
    return StreamTurn::End(absl::OkStatus());
  }
  return StreamTurn::Wait(parts().options.log_poll_interval);
}

StreamTurn LogStream::Next(v1::StreamLogsResponse* response) {
  if (!begun_) {
    if (absl::Status status = Begin(); !status.ok()) {
      return StreamTurn::End(std::move(status));
    }
  }
  // Asked before the file is read: nothing is written after the end.
  const absl::StatusOr<SharedJob> found = parts().store.Find(request_.name());
  if (!found.ok()) return StreamTurn::End(found.status());
  const v1::Job& job = **found;
  // Another job that got the name of a deleted one.
  if (job.uid() != job_uid_) {
    return StreamTurn::End(errors::JobNotFound(request_.name()));
  }
  if (!request_.prepare() && attempt_ == 0) attempt_ = job.attempt();
  const bool writer_ended = WriterEnded(job);
  const LogFile log(PathIn(job));
  const absl::StatusOr<int64_t> size = log.Size();
  if (absl::IsNotFound(size.status())) {
    if (writer_ended || !request_.follow()) {
      // A later attempt may have one.
      StreamTurn turn = AtEnd(job, writer_ended);
      return turn.what == StreamTurn::What::kEnd ? NoLog(job) : turn;
    }
    return StreamTurn::Wait(parts().options.log_poll_interval);
  }
  if (!size.ok()) return StreamTurn::End(size.status());
  if (offset_ > *size) {
    return StreamTurn::End(
        errors::InvalidResumeToken(absl::StrCat(attempt_, ":", offset_)));
  }
  if (std::exchange(skips_, false)) {
    const absl::StatusOr<int64_t> start = FirstOffset(log);
    if (!start.ok()) return StreamTurn::End(start.status());
    offset_ = *start;
  }
  // Without follow, what is there now is all.
  absl::StatusOr<LogFile::Lines> lines =
      log.ReadLines(offset_, kBytesAtATime, writer_ended || !request_.follow());
  if (!lines.ok()) return StreamTurn::End(lines.status());
  if (lines->text.empty()) return AtEnd(job, writer_ended);
  offset_ = lines->end;
  response->set_data(std::move(lines->text));
  response->set_resume_token(absl::StrCat(attempt_, ":", offset_));
  response->set_attempt(attempt_);
  const timespec now = absl::ToTimespec(parts().clock.WallTime());
  response->mutable_time()->set_seconds(now.tv_sec);
  response->mutable_time()->set_nanos(static_cast<int>(now.tv_nsec));
  return StreamTurn::Write();
}

}  // namespace lockstep
