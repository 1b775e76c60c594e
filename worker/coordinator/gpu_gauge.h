#ifndef LOCKSTEP_WORKER_COORDINATOR_GPU_GAUGE_H_
#define LOCKSTEP_WORKER_COORDINATOR_GPU_GAUGE_H_

// What this rank's GPU is doing, for its heartbeats, so that the coordinator
// shows GPUs of hosts that are not its own. A thread of its own asks the
// driver: one may take its time, or never answer, and neither a step nor a
// heartbeat is to wait for it.
//
// Thread-safe; the reporter's thread reads.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "lockstep/worker/v1/worker_service.pb.h"
#include "proto/contract/nvml.h"

namespace lockstep {

struct GpuGaugeOptions {
  // NVIDIA's, unless a test brings another.
  std::string library = kNvmlLibrary;
  // How long a reader waits for a driver that is asked now. A point is to be
  // with a watcher after 250 ms, and waits for the same thread.
  absl::Duration patience = absl::Milliseconds(50);
  std::function<absl::Time()> now = absl::Now;
};

class GpuGauge {
 public:
  // Begins to count the errors of the GPU with that UUID.
  explicit GpuGauge(std::string uuid, GpuGaugeOptions options = {});
  // Waits for a second for a driver that is being asked, and then leaves it and
  // the thread to themselves: the rank is to end.
  ~GpuGauge();
  GpuGauge(const GpuGauge&) = delete;
  GpuGauge& operator=(const GpuGauge&) = delete;

  // What it is doing now, or was up to ten seconds ago. None where there is no
  // driver or it does not know that GPU, and when it has not answered for so
  // long.
  std::optional<worker::v1::GpuReading> Read();

 private:
  class Asker;

  // The thread's as well, which may outlive this.
  const std::shared_ptr<Asker> asker_;
  std::thread thread_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_COORDINATOR_GPU_GAUGE_H_
