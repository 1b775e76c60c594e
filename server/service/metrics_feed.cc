#include "server/service/metrics_feed.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

constexpr int kEntriesAtATime = 256;
// Type of the event that says that there is a new one.
constexpr char kCheckpointCommitted[] = "CHECKPOINT_COMMITTED";
constexpr absl::Duration kForgetInterval = absl::Minutes(1);

}  // namespace

absl::StatusOr<std::shared_ptr<MetricsFeed>> MetricsFeed::Start(
    const JobStore& store, EventLog& events, ServerMetrics& metrics,
    StreamPump& pump) {
  // Before the jobs are read: what happens meanwhile is seen twice.
  const int64_t cursor = store.LastSequence();
  // Each is looked at, and none is copied: there may be very many.
  const ListJobsQuery all{.matches = [&metrics](const v1::Job& job) {
    metrics.JobSeen(job);
    return false;
  }};
  RETURN_IF_ERROR(store.List(all).status());
  std::shared_ptr<MetricsFeed> feed(
      new MetricsFeed(store, events, metrics, pump, cursor));
  for (const std::string& job : metrics.JobsShown()) feed->ShowCheckpoint(job);
  feed->subscription_ = events.Subscribe(
      [&pump, stream = StreamPump::Reference(feed)] { pump.Wake(stream); });
  feed->Forget();
  return feed;
}

void MetricsFeed::Pump() {
  while (true) {
    const auto batch = events_.Read(cursor_, kEntriesAtATime, "");
    // A store that cannot be read shows in every call; nothing to add here.
    if (!batch.ok() || batch->cursor == cursor_) return;
    for (const JournalEntry& entry : batch->entries) {
      if (entry.event.type() == kJobDeleted) {
        metrics_.JobDeleted(entry.event.job());
      } else {
        metrics_.JobSeen(*entry.job);
        if (entry.event.type() == kCheckpointCommitted) {
          ShowCheckpoint(entry.event.job());
        }
      }
    }
    cursor_ = batch->cursor;
  }
}

void MetricsFeed::ShowCheckpoint(const std::string& job) {
  const auto listed = store_.ListCheckpoints(job);
  // The job may have been deleted meanwhile.
  if (!listed.ok() || listed->empty()) return;
  // A run that went back has newer ones of earlier steps.
  const auto age = [](const v1::Checkpoint& checkpoint) {
    return std::pair(checkpoint.create_time().seconds(),
                     checkpoint.create_time().nanos());
  };
  metrics_.CheckpointListed(
      job, *std::max_element(listed->begin(), listed->end(),
                             [&age](const auto& a, const auto& b) {
                               return age(a) < age(b);
                             }));
}

void MetricsFeed::Forget() {
  metrics_.RemoveEnded();
  pump_.WakeAfter(kForgetInterval, std::shared_ptr<StreamPump::Stream>(
                                       shared_from_this(), &timer_));
}

}  // namespace lockstep
