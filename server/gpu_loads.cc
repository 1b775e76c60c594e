#include "server/gpu_loads.h"

namespace lockstep {
namespace {

constexpr absl::Duration kReadAtMostEvery = absl::Seconds(1);

v1::DeviceLoad LoadOf(const GpuReading& reading) {
  v1::DeviceLoad load;
  load.set_utilization_ratio(reading.utilization.value_or(0));
  load.set_memory_used_bytes(reading.memory_used_bytes);
  load.set_power_watts(reading.power_watts.value_or(0));
  load.set_temperature_celsius(reading.temperature_celsius.value_or(0));
  return load;
}

}  // namespace

std::map<std::string, v1::DeviceLoad> GpuLoads::Read() {
  if (monitor_ == nullptr) return {};
  absl::MutexLock lock(&mu_);
  if (clock_.Now() - read_at_ >= kReadAtMostEvery) {
    read_at_ = clock_.Now();
    loads_.clear();
    for (const GpuReading& reading : monitor_->Read()) {
      loads_[reading.uuid] = LoadOf(reading);
    }
  }
  return loads_;
}

}  // namespace lockstep
