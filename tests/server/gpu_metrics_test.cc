#include "server/gpu_metrics.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/text_serializer.h"

namespace lockstep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<HostGpu> None() { return {}; }

// As a rank of another host tells.
HostGpu Elsewhere(const std::string& uuid) {
  return {.host = "node-b",
          .reading = {.uuid = uuid, .utilization = 0.5, .energy_joules = 7},
          .xid_errors = {{31, 4}, {74, 1}}};
}

std::string PageOf(const GpuMetrics& metrics) {
  return prometheus::TextSerializer().Serialize(metrics.Collect());
}

TEST(GpuMetricsTest, ShowsEachGpuByHostAndUuid) {
  const GpuMetrics metrics("node-a", GpuMonitor::Open(LOCKSTEP_FAKE_NVML),
                           None);

  EXPECT_THAT(
      PageOf(metrics),
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

TEST(GpuMetricsTest, CountsErrorsByNumberAndClass) {
  const GpuMetrics metrics("node-a", GpuMonitor::Open(LOCKSTEP_FAKE_NVML),
                           None);
  // What was counted once stays.
  for (int scrapes = 0; scrapes < 2; ++scrapes) {
    EXPECT_THAT(
        PageOf(metrics),
        AllOf(HasSubstr("# TYPE lockstep_gpu_xid_errors_total counter\n"),
              HasSubstr("lockstep_gpu_xid_errors_total{gpu=\"GPU-fake0\","
                        "host=\"node-a\",xid=\"31\","
                        "class=\"application\"} 2\n"),
              HasSubstr("xid=\"79\",class=\"gpu\"} 1\n")));
  }
}

TEST(GpuMetricsTest, ShowsTheGpusThatRanksOfOtherHostsTellOf) {
  const GpuMetrics metrics("node-a", GpuMonitor::Open(LOCKSTEP_FAKE_NVML), [] {
    return std::vector<HostGpu>{Elsewhere("GPU-far")};
  });

  EXPECT_THAT(
      PageOf(metrics),
      AllOf(HasSubstr("# TYPE lockstep_gpu_utilization_ratio gauge\n"
                      "lockstep_gpu_utilization_ratio{gpu=\"GPU-fake0\","
                      "host=\"node-a\"} 0.75\n"
                      "lockstep_gpu_utilization_ratio{gpu=\"GPU-fake2\","
                      "host=\"node-a\"} 0.75\n"
                      "lockstep_gpu_utilization_ratio{gpu=\"GPU-far\","
                      "host=\"node-b\"} 0.5\n"),
            HasSubstr("# TYPE lockstep_gpu_energy_joules_total counter\n"),
            HasSubstr("lockstep_gpu_energy_joules_total{gpu=\"GPU-far\","
                      "host=\"node-b\"} 7\n"),
            Not(HasSubstr("lockstep_gpu_power_watts{gpu=\"GPU-far\"")),
            HasSubstr("lockstep_gpu_xid_errors_total{gpu=\"GPU-far\","
                      "host=\"node-b\",xid=\"31\","
                      "class=\"application\"} 4\n"),
            HasSubstr("host=\"node-b\",xid=\"74\",class=\"nvlink\"} 1\n"),
            HasSubstr("host=\"node-a\",xid=\"79\",class=\"gpu\"} 1\n")));
}

TEST(GpuMetricsTest, OfAGpuOfThisHostTheDriverIsBelieved) {
  const GpuMetrics metrics("node-a", GpuMonitor::Open(LOCKSTEP_FAKE_NVML), [] {
    return std::vector<HostGpu>{Elsewhere("GPU-fake0")};
  });
  EXPECT_THAT(PageOf(metrics), Not(HasSubstr("node-b")));
}

TEST(GpuMetricsTest, WithoutADriverThereAreThoseOfRanks) {
  bool runs = true;
  const GpuMetrics metrics("node-a", nullptr, [&runs] {
    return runs ? std::vector<HostGpu>{Elsewhere("GPU-far")}
                : std::vector<HostGpu>();
  });
  EXPECT_THAT(PageOf(metrics),
              AllOf(HasSubstr("host=\"node-b\""), Not(HasSubstr("node-a"))));

  // They go with the ranks, errors too.
  runs = false;
  EXPECT_THAT(metrics.Collect(), IsEmpty());
}

}  // namespace
}  // namespace lockstep
