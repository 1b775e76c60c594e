#ifndef LOCKSTEP_SERVER_SERVICE_CHANGE_CACHE_H_
#define LOCKSTEP_SERVER_SERVICE_CHANGE_CACHE_H_

// The newest changes as they go to watchers: whoever comes first makes the
// bytes, and a thousand others send the same ones. Thread-safe.

#include <cstdint>
#include <deque>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/support/byte_buffer.h"
#include "lockstep/v1/job_service.pb.h"
#include "server/store/job_store.h"

namespace lockstep {

v1::WatchJobsResponse::Type ChangeTypeOf(const v1::Event& event);

class ChangeCache {
 public:
  // The WatchJobsResponse that tells of this entry.
  grpc::ByteBuffer BytesOf(const JournalEntry& entry) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Held {
    int64_t sequence = 0;
    // An entry that is read from the disk comes with the job as it is then.
    SharedJob job;
    grpc::ByteBuffer bytes;
  };

  absl::Mutex mu_;
  std::deque<Held> newest_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_CHANGE_CACHE_H_
