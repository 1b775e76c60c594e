#ifndef LOCKSTEP_SERVER_LAUNCHER_GPU_WATCH_H_
#define LOCKSTEP_SERVER_LAUNCHER_GPU_WATCH_H_

// One thread that asks the driver again and again who uses the GPUs; a driver
// that is ill may take its time to answer, and nobody else waits for it. Used
// by the local launcher.

#include <functional>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/contract/nvml.h"
#include "server/launcher/gpu_use.h"

namespace lockstep {

class GpuWatch {
 public:
  struct Options {
    absl::Duration interval = absl::Seconds(2);
    // As ForeignUse wants it.
    std::function<bool(int process)> is_ours;
    // Gets each reading: the first on the caller's thread before the
    // constructor returns, the others on the watch's.
    std::function<void(ForeignUses)> listener;
  };

  GpuWatch(std::unique_ptr<GpuMonitor> monitor, Options options);
  // The listener is not called any more when this returns.
  ~GpuWatch();
  GpuWatch(const GpuWatch&) = delete;
  GpuWatch& operator=(const GpuWatch&) = delete;

 private:
  void Read() const;
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  const std::unique_ptr<GpuMonitor> monitor_;
  const Options options_;
  absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_GPU_WATCH_H_
