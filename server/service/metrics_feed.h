#ifndef LOCKSTEP_SERVER_SERVICE_METRICS_FEED_H_
#define LOCKSTEP_SERVER_SERVICE_METRICS_FEED_H_

// Carries jobs and their checkpoints from the journal to the metrics, and makes
// the metrics forget jobs that ended. Runs on the pump's thread.

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/events/event_log.h"
#include "server/metrics/server_metrics.h"
#include "server/service/stream_pump.h"
#include "server/store/job_store.h"

namespace lockstep {

class MetricsFeed final : public StreamPump::Stream,
                          public std::enable_shared_from_this<MetricsFeed> {
 public:
  // Begins with the jobs as they are. All parts outlive the feed.
  static absl::StatusOr<std::shared_ptr<MetricsFeed>> Start(
      const JobStore& store, EventLog& events, ServerMetrics& metrics,
      StreamPump& pump);

  void Pump() override;

 private:
  // Wakes the feed now and then, so that it forgets also when nothing happens.
  class Timer final : public StreamPump::Stream {
   public:
    explicit Timer(MetricsFeed& owner) : owner_(owner) {}
    void Pump() override { owner_.Forget(); }

   private:
    MetricsFeed& owner_;
  };

  MetricsFeed(const JobStore& store, EventLog& events, ServerMetrics& metrics,
              StreamPump& pump, int64_t cursor)
      : store_(store),
        events_(events),
        metrics_(metrics),
        pump_(pump),
        cursor_(cursor) {}

  void ShowCheckpoint(const std::string& job);
  void Forget();

  const JobStore& store_;
  EventLog& events_;
  ServerMetrics& metrics_;
  StreamPump& pump_;
  Timer timer_{*this};
  // Journal entries up to here were seen. Of the pump's thread.
  int64_t cursor_;
  std::unique_ptr<EventLog::Subscription> subscription_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_METRICS_FEED_H_
