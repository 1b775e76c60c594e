// Promises: devices that no job gets.

#include <set>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/server/simulation/promises.h"
#include "tests/server/simulation/row_rules.h"

namespace lockstep::testing {

void Promises::CheckUsable(const server::JobRecord& started) {
  for (const std::string& device : DevicesOf(started)) {
    if (!drained_devices_.contains(device)) continue;
    Break("P3", absl::StrCat(started.job().name(), " starts on ", device,
                             ", which is given to no job"));
  }
}

// Somebody asked for each change, or a device failed.
void Promises::WriteDrained(const server::CoordinatorRecord& next) {
  std::set<std::string> devices;
  for (const server::DrainedDevice& device : next.drained_devices()) {
    devices.insert(device.device());
    if (drained_devices_.contains(device.device())) continue;
    const bool by_fault = absl::StartsWith(device.reason(), "excluded after");
    excluded_ += by_fault;
    if (!by_fault && !drain_asked_.contains(device.device())) {
      Break("P1",
            absl::StrCat(device.device(), " is drained, and nobody asked"));
    }
  }
  for (const std::string& device : drained_devices_) {
    if (devices.contains(device) || undrain_asked_.contains(device)) continue;
    Break("P1", absl::StrCat(device, " is drained no more, and nobody asked"));
  }
  drained_devices_ = std::move(devices);
}

}  // namespace lockstep::testing
