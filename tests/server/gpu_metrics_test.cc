#include "server/gpu_metrics.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/text_serializer.h"

namespace lockstep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(GpuMetricsTest, ShowsEachGpuByHostAndUuid) {
  const GpuMetrics metrics("node-a", GpuMonitor::Open(LOCKSTEP_FAKE_NVML));

  const std::string text =
      prometheus::TextSerializer().Serialize(metrics.Collect());

  EXPECT_THAT(
      text,
      AllOf(HasSubstr("# TYPE lockstep_gpu_utilization_ratio gauge\n"
                      "lockstep_gpu_utilization_ratio{gpu=\"GPU-fake0\","
                      "host=\"node-a\"} 0.75\n"),
            HasSubstr("# TYPE lockstep_gpu_energy_joules_total counter\n"
                      "lockstep_gpu_energy_joules_total{gpu=\"GPU-fake0\","
                      "host=\"node-a\"} 5000000.5\n"),
            HasSubstr("lockstep_gpu_power_watts{gpu=\"GPU-fake0\""),
            HasSubstr("lockstep_gpu_memory_used_bytes{gpu=\"GPU-fake2\""),
            Not(HasSubstr("lockstep_gpu_power_watts{gpu=\"GPU-fake2\""))));
}

}  // namespace
}  // namespace lockstep
