#ifndef LOCKSTEP_SERVER_GPU_LOADS_H_
#define LOCKSTEP_SERVER_GPU_LOADS_H_

// What the GPUs of this host are doing, for ListNodes. They are read when
// somebody asks, and at most once a second, however many do.
//
// Thread-safe.

#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "lockstep/v1/cluster_service.pb.h"
#include "proto/contract/nvml.h"
#include "server/clock.h"

namespace lockstep {

class GpuLoads {
 public:
  // The monitor is null where there is no driver: nothing is known then.
  GpuLoads(const Clock& clock, std::unique_ptr<GpuMonitor> monitor)
      : clock_(clock), monitor_(std::move(monitor)) {}

  // By Device.id. A GPU that does not answer is left out.
  std::map<std::string, v1::DeviceLoad> Read() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const Clock& clock_;
  const std::unique_ptr<GpuMonitor> monitor_;
  absl::Mutex mu_;
  absl::Duration read_at_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  std::map<std::string, v1::DeviceLoad> loads_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_GPU_LOADS_H_
