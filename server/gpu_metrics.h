#ifndef LOCKSTEP_SERVER_GPU_METRICS_H_
#define LOCKSTEP_SERVER_GPU_METRICS_H_

// The GPUs in /metrics. Those of this host are read when somebody scrapes, so
// that nothing is asked of the driver when nobody looks; errors it remembers
// from the construction of this on. Those of other hosts are what their ranks
// told (rank_gpus.h), and go with them.

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"
#include "proto/contract/nvml.h"
#include "server/rank_gpus.h"

namespace lockstep {

class GpuMetrics : public prometheus::Collectable {
 public:
  // The monitor is null where there is no driver. `of_ranks` tells what ranks
  // said of theirs, each GPU once; thread-safe. Of one that the driver here
  // shows, what it says itself counts.
  GpuMetrics(std::string host, std::unique_ptr<GpuMonitor> monitor,
             std::function<std::vector<HostGpu>()> of_ranks);

  // One series a GPU, labelled by host and UUID, and one for each kind of error
  // that it had (xid.h); families without one are left out.
  std::vector<prometheus::MetricFamily> Collect() const override
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct ErrorOf {
    std::string gpu;
    std::string host;
    uint64_t xid = 0;

    friend auto operator<=>(const ErrorOf&, const ErrorOf&) = default;
  };
  using Errors = std::map<ErrorOf, int64_t>;

  // Those of this host first.
  std::vector<HostGpu> Gpus() const;
  Errors OwnErrors() const ABSL_LOCKS_EXCLUDED(mu_);

  const std::string host_;
  const std::unique_ptr<GpuMonitor> monitor_;
  const std::function<std::vector<HostGpu>()> of_ranks_;
  mutable absl::Mutex mu_;
  // Of this host; two may scrape at once.
  mutable Errors errors_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_GPU_METRICS_H_
