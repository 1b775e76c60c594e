#ifndef LOCKSTEP_SERVER_SERVICE_JOB_WATCH_H_
#define LOCKSTEP_SERVER_SERVICE_JOB_WATCH_H_

// WatchJobs: first the jobs as they are, then every journal entry behind that,
// and a bookmark when nothing happens. The resume token is the journal
// sequence, so it outlives the coordinator.

#include <deque>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lockstep/v1/job_service.pb.h"
#include "server/events/event_log.h"
#include "server/service/change_cache.h"
#include "server/service/pull_stream.h"
#include "server/store/job_store.h"

namespace lockstep {

// Its messages are bytes: those of a change are the same for all who watch.
class JobWatch final : public PullStream<grpc::ByteBuffer> {
 public:
  JobWatch(const ServiceParts& parts, ChangeCache& cache,
           absl::StatusOr<v1::WatchJobsRequest> request);

 private:
  StreamTurn Next(grpc::ByteBuffer* response) override;
  absl::Status Begin();
  absl::Status BeginAtToken();
  // One more job of the snapshot.
  StreamTurn NextOfSnapshot(grpc::ByteBuffer* response);
  StreamTurn NextChange(grpc::ByteBuffer* response);
  StreamTurn Bookmark(grpc::ByteBuffer* response) const;

  ChangeCache& cache_;
  const absl::Status readable_;
  const v1::WatchJobsRequest request_;
  bool begun_ = false;
  // Everything up to this sequence was told, or is in the snapshot.
  int64_t cursor_ = 0;

  bool in_snapshot_ = false;
  std::deque<v1::Job> snapshot_;
  ListJobsQuery rest_of_snapshot_;

  std::deque<JournalEntry> changes_;
  // The one job of this watch is no more, and that was said.
  bool deleted_ = false;
  absl::Duration last_sent_;
  std::unique_ptr<EventLog::Subscription> subscription_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_JOB_WATCH_H_
