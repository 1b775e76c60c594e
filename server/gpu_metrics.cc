#include "server/gpu_metrics.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/launcher/xid.h"

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

void Add(prometheus::MetricFamily& family,
         std::vector<prometheus::ClientMetric::Label> labels, double value) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  metric.gauge.value = value;
  metric.counter.value = value;
  family.metric.push_back(std::move(metric));
}

}  // namespace

GpuMetrics::GpuMetrics(std::string host, std::unique_ptr<GpuMonitor> monitor,
                       std::function<std::vector<HostGpu>()> of_ranks)
    : host_(std::move(host)),
      monitor_(std::move(monitor)),
      of_ranks_(std::move(of_ranks)) {
  if (monitor_ != nullptr) monitor_->WatchErrors();
}

std::vector<HostGpu> GpuMetrics::Gpus() const {
  std::vector<HostGpu> gpus;
  std::set<std::string> own;
  if (monitor_ != nullptr) {
    for (GpuReading& reading : monitor_->Read()) {
      own.insert(reading.uuid);
      gpus.push_back(
          {.host = host_, .reading = std::move(reading), .xid_errors = {}});
    }
  }
  for (HostGpu& gpu : of_ranks_()) {
    if (!own.contains(gpu.reading.uuid)) gpus.push_back(std::move(gpu));
  }
  return gpus;
}

GpuMetrics::Errors GpuMetrics::OwnErrors() const {
  absl::MutexLock lock(&mu_);
  if (monitor_ != nullptr) {
    for (const GpuError& error : monitor_->TakeErrors()) {
      ++errors_[{.gpu = error.uuid, .host = host_, .xid = error.xid}];
    }
  }
  return errors_;
}

std::vector<prometheus::MetricFamily> GpuMetrics::Collect() const {
  const std::vector<HostGpu> gpus = Gpus();
  std::vector<prometheus::MetricFamily> families;
  for (const FamilyOfGpu& of_gpu : kFamilies) {
    prometheus::MetricFamily family{of_gpu.name, of_gpu.help, of_gpu.type, {}};
    for (const HostGpu& gpu : gpus) {
      const Value value = of_gpu.value(gpu.reading);
      if (!value.has_value()) continue;
      Add(family, {{"gpu", gpu.reading.uuid}, {"host", gpu.host}}, *value);
    }
    if (!family.metric.empty()) families.push_back(std::move(family));
  }
  // One that is gone by now has no reading any more, but it had errors.
  Errors errors = OwnErrors();
  for (const HostGpu& gpu : gpus) {
    for (const auto& [xid, count] : gpu.xid_errors) {
      // It may be a GPU of this host that the driver no longer shows.
      int64_t& known =
          errors[{.gpu = gpu.reading.uuid, .host = gpu.host, .xid = xid}];
      known = std::max(known, count);
    }
  }
  prometheus::MetricFamily family{
      "lockstep_gpu_xid_errors_total",
      "Xid errors of the GPU, by number and class: since lockstepd began, or, "
      "on another host, since the rank did that tells.",
      MetricType::Counter,
      {}};
  for (const auto& [of, count] : errors) {
    Add(family,
        {{"gpu", of.gpu},
         {"host", of.host},
         {"xid", absl::StrCat(of.xid)},
         {"class", std::string(XidClass(of.xid))}},
        static_cast<double>(count));
  }
  if (!family.metric.empty()) families.push_back(std::move(family));
  return families;
}

}  // namespace lockstep
