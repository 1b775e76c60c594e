#include "worker/supervise/oom_watch.h"

#include <fstream>
#include <utility>

namespace lockstep {

OomWatch::OomWatch(std::string vmstat, absl::Time now)
    : vmstat_(std::move(vmstat)), older_{now, Kills()}, newer_(older_) {}

void OomWatch::Look(absl::Time now) {
  if (now - newer_.at < kLately) return;
  older_ = std::exchange(newer_, Sample{now, Kills()});
}

bool OomWatch::KilledLately() const {
  const std::optional<int64_t> kills = Kills();
  return kills.has_value() && older_.kills.has_value() &&
         *kills > *older_.kills;
}

std::optional<int64_t> OomWatch::Kills() const {
  std::ifstream file(vmstat_);
  std::string name;
  int64_t count = 0;
  while (file >> name >> count) {
    if (name == "oom_kill") return count;
  }
  return std::nullopt;
}

}  // namespace lockstep
