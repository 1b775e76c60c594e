#ifndef LOCKSTEP_WORKER_COMM_COMMUNICATOR_H_
#define LOCKSTEP_WORKER_COMM_COMMUNICATOR_H_

// The ranks of one attempt, seen from one of them. Every rank calls the same
// collectives in the same order, from its trainer's thread; only Abort may
// come from another thread. A collective returns when its result is there.
//
// A failed collective leaves its buffer undefined and the group unusable: the
// attempt is over. UNAVAILABLE: a peer died, and its own end is the attempt's.
// DEADLINE_EXCEEDED, marked HANG: one did not come in time.

#include <ATen/core/Tensor.h>

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lockstep {

class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int world_size() const = 0;

  // Replaces `buffer` (contiguous) on every rank by the sum over the ranks.
  // All ranks get the same bits, and the same inputs the same bits again.
  virtual absl::Status AllReduceSum(at::Tensor& buffer) = 0;

  // The same in two halves, so that a rank computes while its sums are made:
  // they wait for what the GPU was told to compute before, not for what it is
  // told after. A buffer begun is not touched before FinishBegun returns, and
  // no other collective comes between but those that are begun. As long as a
  // backend does not override it, beginning does all of it.
  virtual absl::Status BeginAllReduceSum(const at::Tensor& buffer);
  // Whether anything is gained by that. Where nothing is, each part that is
  // begun is one more time that the ranks wait for each other.
  virtual bool Overlaps() const { return false; }
  // Likewise copies every rank's `input` to `output`, [ranks, input's shape];
  // both are contiguous and do not overlap, and all ranks' shapes are the same.
  virtual absl::Status BeginAllGather(const at::Tensor& input,
                                      const at::Tensor& output) = 0;
  // Returns when all that were begun are done.
  virtual absl::Status FinishBegun() { return absl::OkStatus(); }

  // Every rank's `input`, in the order of ranks, in memory of their own.
  absl::StatusOr<std::vector<at::Tensor>> AllGather(const at::Tensor& input);

  // Replaces `buffer` on every rank by that of `root`.
  virtual absl::Status Broadcast(at::Tensor& buffer, int root) = 0;

  // Returns when every rank has called it.
  virtual absl::Status Barrier() = 0;

  // Makes this rank's further collectives fail, and those that wait where the
  // backend can interrupt them.
  virtual void Abort() = 0;

 protected:
  // A rank did not come within `timeout`; `detail` says to what.
  absl::Status TooLate(absl::Duration timeout, absl::string_view detail) const;
  absl::Status AfterAbort(absl::string_view operation) const;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_COMM_COMMUNICATOR_H_
