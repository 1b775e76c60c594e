#ifndef LOCKSTEP_SERVER_EVENTS_METRIC_LOG_H_
#define LOCKSTEP_SERVER_EVENTS_METRIC_LOG_H_

// The metric points of every job: append-only, checksummed segment files below
// STATE/jobs/<uid>/metrics, one record a batch. A torn tail (power loss) is cut
// off when the log is opened; ranks keep points until they are acknowledged and
// send them again; what is acknowledged is on disk. (attempt, rank, seq)
// removes doubles, so each point is stored once. A cursor is the byte position
// behind the last record read and stays valid across restarts.
//
// Thread-safe.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "lockstep/v1/job.pb.h"
#include "server/events/step_index.h"

namespace lockstep {

using MetricPoints = google::protobuf::RepeatedPtrField<v1::MetricPoint>;

class MetricLog {
 public:
  class Subscription {
   public:
    virtual ~Subscription() = default;
  };

  struct Batch {
    std::vector<v1::MetricPoint> points;
    // That were read for it.
    int64_t records = 0;
    // Pass it to the next Read.
    std::string cursor;
  };

  // `jobs_dir` is STATE/jobs.
  explicit MetricLog(std::string jobs_dir);
  ~MetricLog();

  // Stores the points that are new and returns the highest stored seq of this
  // attempt and rank. `points` are of one rank, in the order of seq; a gap
  // (first seq above the stored one + 1) stores nothing.
  absl::StatusOr<int64_t> Append(absl::string_view job_uid, int attempt,
                                 int rank, const MetricPoints& points);

  // Whole records behind `cursor` ("" from the beginning), until `max_points`
  // points are reached or the log ends. Long stretches without a point of
  // `steps` are passed over; what else there is comes along.
  // INVALID_ARGUMENT: INVALID_RESUME_TOKEN.
  absl::StatusOr<Batch> Read(absl::string_view job_uid,
                             absl::string_view cursor, int max_points,
                             const StepBounds& steps = {});

  // `wake` runs once at once and after each Append to this job, on the
  // appender's thread; it must not block and must not call back into this
  // class.
  std::unique_ptr<Subscription> Subscribe(absl::string_view job_uid,
                                          std::function<void()> wake);

  // The job was deleted, and its segments are removed by others: nothing of it
  // is held any longer.
  void Forget(absl::string_view job_uid);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_EVENTS_METRIC_LOG_H_
