#ifndef LOCKSTEP_WORKER_COMM_NEWEST_COLLECTIVE_H_
#define LOCKSTEP_WORKER_COMM_NEWEST_COLLECTIVE_H_

// The collective that a rank is in, for whoever watches it: its heartbeats say
// so, and the coordinator finds the rank that others wait for. All ranks count
// the same ones in the same order.
//
// Thread-safe: the trainer's thread enters and leaves, the reporter's asks.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "lockstep/worker/v1/worker_service.pb.h"

namespace lockstep {

class NewestCollective {
 public:
  // `operation` outlives this. Several may be pending.
  void Enter(absl::string_view operation, size_t bytes);
  // The oldest that is pending.
  void Leave();

  // "all-reduce of 4096 bytes", the newest that was entered; pending as long as
  // any is. None before the first.
  std::optional<worker::v1::Collective> Get() const;

 private:
  mutable absl::Mutex mu_;
  int64_t entered_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t left_ ABSL_GUARDED_BY(mu_) = 0;
  absl::string_view operation_ ABSL_GUARDED_BY(mu_);
  size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_COMM_NEWEST_COLLECTIVE_H_
