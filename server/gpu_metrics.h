#ifndef LOCKSTEP_SERVER_GPU_METRICS_H_
#define LOCKSTEP_SERVER_GPU_METRICS_H_

// The GPUs of this host in /metrics. They are read when somebody scrapes, so
// that nothing is asked of the driver when nobody looks.

#include <memory>
#include <string>
#include <vector>

#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"
#include "server/launcher/nvml.h"

namespace lockstep {

class GpuMetrics : public prometheus::Collectable {
 public:
  GpuMetrics(std::string host, std::unique_ptr<GpuMonitor> monitor);

  // One series a GPU, labelled by host and UUID; families without one are left
  // out.
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const std::string host_;
  const std::unique_ptr<GpuMonitor> monitor_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_GPU_METRICS_H_
