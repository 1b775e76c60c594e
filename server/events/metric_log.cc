#include "server/events/metric_log.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "lockstep/v1/job_service.pb.h"
#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"
#include "server/events/metric_segment.h"
#include "server/events/wake_list.h"

namespace lockstep {
namespace {

constexpr int64_t kSegmentBytes = 16 << 20;

// A record is one batch of points of one rank, in the message that also brings
// it to clients.
using Record = v1::StreamMetricsResponse;
using ::google::protobuf::internal::WireFormatLite;
using ::google::protobuf::io::CodedOutputStream;

// Rank and attempt as fields of a MetricPoint. Written out also when they are
// 0: behind a point they replace what the rank said of itself.
std::string PlaceOf(int attempt, int rank) {
  uint8_t bytes[32];
  uint8_t* end = WireFormatLite::WriteInt32ToArray(
      v1::MetricPoint::kRankFieldNumber, rank, bytes);
  end = WireFormatLite::WriteInt32ToArray(v1::MetricPoint::kAttemptFieldNumber,
                                          attempt, end);
  return std::string(bytes, end);
}

// To a Record in bytes. No copy of the point is made: with its map it takes
// longer to copy than to write.
void AppendPoint(const v1::MetricPoint& point, const std::string& place,
                 std::string& record) {
  uint8_t bytes[16];
  uint8_t* end = WireFormatLite::WriteTagToArray(
      Record::kPointsFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED,
      bytes);
  end = CodedOutputStream::WriteVarint32ToArray(
      static_cast<uint32_t>(point.ByteSizeLong() + place.size()), end);
  record.append(bytes, end);
  point.AppendToString(&record);
  record.append(place);
}

class MetricSubscription final : public MetricLog::Subscription {
 public:
  explicit MetricSubscription(std::unique_ptr<WakeList::Entry> entry)
      : entry_(std::move(entry)) {}

 private:
  const std::unique_ptr<WakeList::Entry> entry_;
};

absl::StatusOr<int64_t> ParseCursor(absl::string_view cursor) {
  int64_t position = 0;
  if (!cursor.empty() &&
      (!absl::SimpleAtoi(cursor, &position) || position < 0)) {
    return errors::InvalidResumeToken(cursor);
  }
  return position;
}

// The log of one job. Opened when it is first used.
class JobMetrics {
 public:
  explicit JobMetrics(std::string folder) : folder_(std::move(folder)) {}

  absl::StatusOr<int64_t> Append(int attempt, int rank,
                                 const MetricPoints& points)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<MetricLog::Batch> Read(absl::string_view cursor,
                                        int max_points, const StepBounds& steps)
      ABSL_LOCKS_EXCLUDED(mu_);
  WakeList& wakes() { return *wakes_; }

 private:
  absl::Status Open() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string folder_;
  const std::shared_ptr<WakeList> wakes_ = std::make_shared<WakeList>();
  absl::Mutex mu_;
  std::optional<SegmentFolder> segments_ ABSL_GUARDED_BY(mu_);
  // By (attempt, rank).
  std::map<std::pair<int, int>, int64_t> last_seq_ ABSL_GUARDED_BY(mu_);
  StepIndex index_ ABSL_GUARDED_BY(mu_);
};

absl::Status JobMetrics::Open() {
  if (segments_.has_value()) return absl::OkStatus();
  last_seq_.clear();
  index_ = StepIndex();
  ASSIGN_OR_RETURN(
      segments_,
      SegmentFolder::Open(
          folder_, kSegmentBytes,
          [this](int64_t position, absl::string_view payload)
              ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) -> absl::Status {
                Record record;
                if (!record.ParseFromArray(payload.data(), payload.size())) {
                  return absl::DataLossError(absl::StrCat(
                      folder_, " holds a record that is no batch of points"));
                }
                for (const v1::MetricPoint& point : record.points()) {
                  last_seq_[{point.attempt(), point.rank()}] = point.seq();
                  index_.Add(position, point.step(), point.step());
                }
                return absl::OkStatus();
              }));
  return absl::OkStatus();
}

absl::StatusOr<int64_t> JobMetrics::Append(int attempt, int rank,
                                           const MetricPoints& points) {
  int64_t last = 0;
  {
    absl::MutexLock lock(&mu_);
    RETURN_IF_ERROR(Open());
    const auto stored = last_seq_.find({attempt, rank});
    if (stored != last_seq_.end()) last = stored->second;
    std::string record;
    int64_t least_step = std::numeric_limits<int64_t>::max();
    int64_t greatest_step = std::numeric_limits<int64_t>::min();
    const std::string place = PlaceOf(attempt, rank);
    for (const v1::MetricPoint& point : points) {
      if (point.seq() <= last) continue;
      // A gap: what is missing was never acknowledged and comes again.
      if (point.seq() != last + 1) break;
      AppendPoint(point, place, record);
      last = point.seq();
      least_step = std::min(least_step, point.step());
      greatest_step = std::max(greatest_step, point.step());
    }
    if (record.empty()) return last;
    const int64_t position = segments_->end();
    RETURN_IF_ERROR(segments_->Append(record));
    index_.Add(position, least_step, greatest_step);
    last_seq_[{attempt, rank}] = last;
  }
  wakes_->WakeAll();
  return last;
}

absl::StatusOr<MetricLog::Batch> JobMetrics::Read(absl::string_view cursor,
                                                  int max_points,
                                                  const StepBounds& steps) {
  ASSIGN_OR_RETURN(int64_t position, ParseCursor(cursor));
  MetricLog::Batch batch;
  absl::MutexLock lock(&mu_);
  RETURN_IF_ERROR(Open());
  while (static_cast<int>(batch.points.size()) < max_points) {
    position = index_.Skip(position, steps, segments_->end());
    const absl::StatusOr<std::string> payload = segments_->Read(position);
    if (absl::IsOutOfRange(payload.status())) break;
    Record record;
    if (absl::IsNotFound(payload.status()) ||
        (payload.ok() && !record.ParseFromString(*payload))) {
      return errors::InvalidResumeToken(cursor);
    }
    RETURN_IF_ERROR(payload.status());
    ++batch.records;
    for (v1::MetricPoint& point : *record.mutable_points()) {
      batch.points.push_back(std::move(point));
    }
  }
  batch.cursor = absl::StrCat(position);
  return batch;
}

}  // namespace

class MetricLog::Impl {
 public:
  explicit Impl(std::string jobs_dir) : jobs_dir_(std::move(jobs_dir)) {}

  std::shared_ptr<JobMetrics> Of(absl::string_view job_uid) {
    absl::MutexLock lock(&mu_);
    std::shared_ptr<JobMetrics>& job = jobs_[job_uid];
    if (job == nullptr) {
      job = std::make_shared<JobMetrics>(
          absl::StrCat(jobs_dir_, "/", job_uid, "/metrics"));
    }
    return job;
  }

  void Forget(absl::string_view job_uid) {
    absl::MutexLock lock(&mu_);
    jobs_.erase(job_uid);
  }

 private:
  const std::string jobs_dir_;
  absl::Mutex mu_;
  absl::flat_hash_map<std::string, std::shared_ptr<JobMetrics>> jobs_
      ABSL_GUARDED_BY(mu_);
};

MetricLog::MetricLog(std::string jobs_dir)
    : impl_(std::make_shared<Impl>(std::move(jobs_dir))) {}

MetricLog::~MetricLog() = default;

absl::StatusOr<int64_t> MetricLog::Append(absl::string_view job_uid,
                                          int attempt, int rank,
                                          const MetricPoints& points) {
  return impl_->Of(job_uid)->Append(attempt, rank, points);
}

absl::StatusOr<MetricLog::Batch> MetricLog::Read(absl::string_view job_uid,
                                                 absl::string_view cursor,
                                                 int max_points,
                                                 const StepBounds& steps) {
  return impl_->Of(job_uid)->Read(cursor, max_points, steps);
}

void MetricLog::Forget(absl::string_view job_uid) { impl_->Forget(job_uid); }

std::unique_ptr<MetricLog::Subscription> MetricLog::Subscribe(
    absl::string_view job_uid, std::function<void()> wake) {
  return std::make_unique<MetricSubscription>(
      impl_->Of(job_uid)->wakes().Add(std::move(wake)));
}

}  // namespace lockstep
