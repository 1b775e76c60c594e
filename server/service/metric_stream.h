#ifndef LOCKSTEP_SERVER_SERVICE_METRIC_STREAM_H_
#define LOCKSTEP_SERVER_SERVICE_METRIC_STREAM_H_

// StreamMetrics: the points of a job from a cursor of its metric log, which is
// the resume token.

#include <memory>
#include <string>

#include "lockstep/v1/job_service.pb.h"
#include "server/events/event_log.h"
#include "server/events/metric_log.h"
#include "server/service/pull_stream.h"

namespace lockstep {

class MetricStream final : public PullStream<v1::StreamMetricsResponse> {
 public:
  MetricStream(const ServiceParts& parts, v1::StreamMetricsRequest request);

 private:
  StreamTurn Next(v1::StreamMetricsResponse* response) override;
  absl::Status Begin();
  bool IsWanted(const v1::MetricPoint& point) const;

  const v1::StreamMetricsRequest request_;
  bool begun_ = false;
  std::string job_uid_;
  std::string cursor_;
  std::unique_ptr<MetricLog::Subscription> points_;
  // Tells when the job has ended.
  std::unique_ptr<EventLog::Subscription> changes_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_METRIC_STREAM_H_
