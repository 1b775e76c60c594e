#include "server/launcher/gpu_watch.h"

#include <utility>

namespace lockstep {

GpuWatch::GpuWatch(std::unique_ptr<GpuMonitor> monitor, Options options)
    : monitor_(std::move(monitor)), options_(std::move(options)) {
  Read();
  thread_ = std::thread([this] { Run(); });
}

GpuWatch::~GpuWatch() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  thread_.join();
}

void GpuWatch::Read() const {
  options_.listener(ForeignUsesOf(monitor_->Uses(), options_.is_ours));
}

void GpuWatch::Run() {
  while (true) {
    {
      absl::MutexLock lock(&mu_);
      if (mu_.AwaitWithTimeout(absl::Condition(&stopping_),
                               options_.interval)) {
        return;
      }
    }
    Read();
  }
}

}  // namespace lockstep
