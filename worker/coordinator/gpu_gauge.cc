#include "worker/coordinator/gpu_gauge.h"

#include <cstdint>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace lockstep {
namespace {

constexpr absl::Duration kAskAtMostEvery = absl::Seconds(1);
// Two heartbeats.
constexpr absl::Duration kReadingLasts = absl::Seconds(10);
constexpr absl::Duration kLastWords = absl::Seconds(1);

worker::v1::GpuReading ToProto(const GpuReading& reading) {
  worker::v1::GpuReading out;
  out.set_uuid(reading.uuid);
  out.set_memory_used_bytes(reading.memory_used_bytes);
  out.set_memory_total_bytes(reading.memory_total_bytes);
  if (reading.utilization.has_value()) {
    out.set_utilization_ratio(*reading.utilization);
  }
  if (reading.power_watts.has_value()) {
    out.set_power_watts(*reading.power_watts);
  }
  if (reading.energy_joules.has_value()) {
    out.set_energy_joules(*reading.energy_joules);
  }
  if (reading.temperature_celsius.has_value()) {
    out.set_temperature_celsius(*reading.temperature_celsius);
  }
  if (reading.sm_clock_hertz.has_value()) {
    out.set_sm_clock_hertz(*reading.sm_clock_hertz);
  }
  return out;
}

}  // namespace

class GpuGauge::Asker {
 public:
  Asker(std::string uuid, GpuGaugeOptions options)
      : uuid_(std::move(uuid)), options_(std::move(options)) {}

  std::optional<worker::v1::GpuReading> Read() ABSL_LOCKS_EXCLUDED(mu_);

  // The thread's: until Stop, or for ever where the driver hangs.
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // Whether the thread is about to end.
  bool Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Waits until there is something to ask; false when this ends.
  bool AwaitWish() ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<worker::v1::GpuReading> Ask(const GpuMonitor& monitor);

  const std::string uuid_;
  const GpuGaugeOptions options_;
  // By Xid. Of the thread alone.
  std::map<uint64_t, int64_t> errors_;

  absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  // The driver is to be asked, or is being asked.
  bool wanted_ ABSL_GUARDED_BY(mu_) = false;
  absl::Time wanted_at_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  absl::Time answered_at_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  std::optional<worker::v1::GpuReading> newest_ ABSL_GUARDED_BY(mu_);
};

std::optional<worker::v1::GpuReading> GpuGauge::Asker::Read() {
  absl::MutexLock lock(&mu_);
  const absl::Time now = options_.now();
  // One that does not answer is waited for once.
  if (!wanted_) {
    // Not for long after the clock was set back.
    if (now - wanted_at_ >= kAskAtMostEvery || now < wanted_at_) {
      wanted_ = true;
      wanted_at_ = now;
    }
    auto answered = [this]()
                        ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !wanted_; };
    mu_.AwaitWithTimeout(absl::Condition(&answered), options_.patience);
  }
  if (absl::AbsDuration(now - answered_at_) > kReadingLasts) {
    return std::nullopt;
  }
  return newest_;
}

bool GpuGauge::Asker::AwaitWish() {
  absl::MutexLock lock(&mu_);
  auto has_work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return stopping_ || wanted_;
  };
  mu_.Await(absl::Condition(&has_work));
  return !stopping_;
}

std::optional<worker::v1::GpuReading> GpuGauge::Asker::Ask(
    const GpuMonitor& monitor) {
  for (const GpuError& error : monitor.TakeErrors()) {
    if (error.uuid == uuid_) ++errors_[error.xid];
  }
  const std::optional<GpuReading> reading = monitor.ReadOne(uuid_);
  if (!reading.has_value()) return std::nullopt;
  worker::v1::GpuReading told = ToProto(*reading);
  told.mutable_xid_errors()->insert(errors_.begin(), errors_.end());
  return told;
}

void GpuGauge::Asker::Run() {
  // To open it may take the driver a second.
  const std::unique_ptr<GpuMonitor> monitor =
      GpuMonitor::Open(options_.library.c_str());
  if (monitor != nullptr) monitor->WatchErrors();
  while (AwaitWish()) {
    std::optional<worker::v1::GpuReading> reading;
    if (monitor != nullptr) reading = Ask(*monitor);
    absl::MutexLock lock(&mu_);
    newest_ = std::move(reading);
    answered_at_ = options_.now();
    wanted_ = false;
  }
  absl::MutexLock lock(&mu_);
  stopped_ = true;
}

bool GpuGauge::Asker::Stop() {
  absl::MutexLock lock(&mu_);
  stopping_ = true;
  return mu_.AwaitWithTimeout(absl::Condition(&stopped_), kLastWords);
}

GpuGauge::GpuGauge(std::string uuid, GpuGaugeOptions options)
    : asker_(std::make_shared<Asker>(std::move(uuid), std::move(options))),
      thread_([asker = asker_] { asker->Run(); }) {}

GpuGauge::~GpuGauge() {
  if (asker_->Stop()) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

std::optional<worker::v1::GpuReading> GpuGauge::Read() {
  return asker_->Read();
}

}  // namespace lockstep
