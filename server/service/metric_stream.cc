#include "server/service/metric_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/job_state.h"
#include "proto/contract/status_macros.h"
#include "server/store/job_store.h"

namespace lockstep {
namespace {

// Whole records, of at most 1000 points each: a message of some 300 kB at most,
// and of a tenth where ranks report often. A stream whose client does not read
// holds two copies of it.
constexpr int kPointsAtATime = 100;

absl::Status CheckFilter(const v1::StreamMetricsRequest& request) {
  const std::pair<const char*, int64_t> fields[] = {
      {"rank", request.rank()},
      {"first_step", request.first_step()},
      {"last_step", request.last_step()}};
  for (const auto& [field, value] : fields) {
    if (value >= 0) continue;
    return errors::Error(
        absl::StatusCode::kInvalidArgument, "INVALID_FILTER",
        absl::StrCat(field, ": ", value, "; it is not to be below 0"));
  }
  return absl::OkStatus();
}

}  // namespace

MetricStream::MetricStream(const ServiceParts& parts,
                           v1::StreamMetricsRequest request)
    : PullStream(parts, "lockstep.v1.JobService/StreamMetrics"),
      request_(std::move(request)),
      cursor_(request_.resume_token()) {}

absl::Status MetricStream::Begin() {
  RETURN_IF_ERROR(CheckJobName(request_.name()));
  RETURN_IF_ERROR(CheckFilter(request_));
  ASSIGN_OR_RETURN(const SharedJob job, parts().store.Find(request_.name()));
  job_uid_ = job->uid();
  if (request_.follow()) {
    points_ = parts().metric_log.Subscribe(job_uid_, Waker());
    changes_ = parts().events.Subscribe(Waker());
  }
  begun_ = true;
  return absl::OkStatus();
}

bool MetricStream::IsWanted(const v1::MetricPoint& point) const {
  if (request_.has_rank() && point.rank() != request_.rank()) return false;
  if (point.step() < request_.first_step()) return false;
  return request_.last_step() == 0 || point.step() <= request_.last_step();
}

StreamTurn MetricStream::Next(v1::StreamMetricsResponse* response) {
  if (!begun_) {
    if (absl::Status status = Begin(); !status.ok()) {
      return StreamTurn::End(std::move(status));
    }
  }
  // Asked before the points are read: none can follow the end.
  const absl::StatusOr<SharedJob> found = parts().store.Find(request_.name());
  if (!found.ok()) return StreamTurn::End(found.status());
  const v1::Job& job = **found;
  // Another job that got the name of a deleted one.
  if (job.uid() != job_uid_) {
    return StreamTurn::End(errors::JobNotFound(request_.name()));
  }
  absl::StatusOr<MetricLog::Batch> batch = parts().metric_log.Read(
      job_uid_, cursor_, kPointsAtATime,
      {.first = request_.first_step(), .last = request_.last_step()});
  if (!batch.ok()) return StreamTurn::End(batch.status());
  cursor_ = batch->cursor;
  if (batch->points.empty()) {
    if (!request_.follow() || IsTerminal(job.state())) {
      return StreamTurn::End(absl::OkStatus());
    }
    return StreamTurn::Wait();
  }
  for (v1::MetricPoint& point : batch->points) {
    if (!IsWanted(point)) continue;
    if (!request_.spans()) {
      point.clear_spans();
      point.clear_spans_time();
    }
    *response->add_points() = std::move(point);
  }
  // Others may be behind them.
  if (response->points().empty()) {
    return StreamTurn::Wait(absl::ZeroDuration());
  }
  response->set_resume_token(cursor_);
  return StreamTurn::Write();
}

}  // namespace lockstep
