#include "server/gpu_metrics.h"

#include <optional>
#include <utility>

namespace lockstep {
namespace {

using prometheus::MetricType;
using Value = std::optional<double>;

struct FamilyOfGpu {
  const char* name;
  const char* help;
  MetricType type;
  Value (*value)(const GpuReading& reading);
};

constexpr FamilyOfGpu kFamilies[] = {
    {"lockstep_gpu_memory_used_bytes", "Memory in use, by whomever.",
     MetricType::Gauge,
     [](const GpuReading& gpu) -> Value {
       return static_cast<double>(gpu.memory_used_bytes);
     }},
    {"lockstep_gpu_memory_total_bytes", "Memory of the GPU.", MetricType::Gauge,
     [](const GpuReading& gpu) -> Value {
       return static_cast<double>(gpu.memory_total_bytes);
     }},
    {"lockstep_gpu_utilization_ratio",
     "Share of the last sampling period in which a kernel ran.",
     MetricType::Gauge,
     [](const GpuReading& gpu) -> Value { return gpu.utilization; }},
    {"lockstep_gpu_power_watts", "Power drawn.", MetricType::Gauge,
     [](const GpuReading& gpu) -> Value { return gpu.power_watts; }},
    {"lockstep_gpu_energy_joules_total", "Energy since the driver was loaded.",
     MetricType::Counter,
     [](const GpuReading& gpu) -> Value { return gpu.energy_joules; }},
    {"lockstep_gpu_temperature_celsius", "Temperature of the chip.",
     MetricType::Gauge,
     [](const GpuReading& gpu) -> Value { return gpu.temperature_celsius; }},
    {"lockstep_gpu_sm_clock_hertz", "Clock of the multiprocessors.",
     MetricType::Gauge,
     [](const GpuReading& gpu) -> Value { return gpu.sm_clock_hertz; }},
};

}  // namespace

GpuMetrics::GpuMetrics(std::string host, std::unique_ptr<GpuMonitor> monitor)
    : host_(std::move(host)), monitor_(std::move(monitor)) {}

std::vector<prometheus::MetricFamily> GpuMetrics::Collect() const {
  const std::vector<GpuReading> readings = monitor_->Read();
  std::vector<prometheus::MetricFamily> families;
  for (const FamilyOfGpu& of_gpu : kFamilies) {
    prometheus::MetricFamily family{of_gpu.name, of_gpu.help, of_gpu.type, {}};
    for (const GpuReading& reading : readings) {
      const Value value = of_gpu.value(reading);
      if (!value.has_value()) continue;
      prometheus::ClientMetric metric;
      metric.label = {{"gpu", reading.uuid}, {"host", host_}};
      metric.gauge.value = *value;
      metric.counter.value = *value;
      family.metric.push_back(std::move(metric));
    }
    if (!family.metric.empty()) families.push_back(std::move(family));
  }
  return families;
}

}  // namespace lockstep
