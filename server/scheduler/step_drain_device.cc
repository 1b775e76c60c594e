// Devices out of use: drained by a user, or excluded after a fault, until a
// user says otherwise. It outlives the coordinator. What trains on one goes on.

#include <algorithm>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/printable.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

constexpr size_t kLongestDrainReason = 256;
constexpr size_t kQuotedDeviceBytes = 80;

absl::Status CheckDevice(const SchedulerState& state,
                         const std::string& device) {
  if (state.pool.Has(device)) return absl::OkStatus();
  return errors::Error(absl::StatusCode::kNotFound, "DEVICE_NOT_FOUND",
                       absl::StrCat("device: there is no \"",
                                    Printable(device, kQuotedDeviceBytes),
                                    "\"; ListNodes names all"));
}

absl::Status CheckReason(const std::string& reason) {
  if (!reason.empty() && reason.size() <= kLongestDrainReason &&
      Printable(reason) == reason) {
    return absl::OkStatus();
  }
  return errors::Error(
      absl::StatusCode::kInvalidArgument, "INVALID_REASON",
      absl::StrCat("reason: \"", Printable(reason, kQuotedDeviceBytes),
                   "\" has ", reason.size(),
                   " characters; 1 to 256 printable ones are allowed"));
}

// As it is, or with this device and reason; without a reason, without it.
void Change(Decision& decision, const std::string& device,
            const std::string& reason) {
  SchedulerState& state = decision.state();
  std::map<std::string, std::string> drained =
      DrainedDevices(state.coordinator);
  drained.erase(device);
  if (!reason.empty()) drained[device] = reason;
  state.coordinator.clear_drained_devices();
  for (const auto& [id, why] : drained) {
    server::DrainedDevice& row = *state.coordinator.add_drained_devices();
    row.set_device(id);
    row.set_reason(why);
  }
  decision.Write(state.coordinator);
  state.pool.SetDrained(std::move(drained));
  state.schedule = true;
}

absl::Status DrainDevice(Decision& decision, const DrainDeviceEvent& event) {
  if (event.drain) {
    if (absl::Status bad = CheckReason(event.reason); !bad.ok()) return bad;
  }
  const SchedulerState& state = decision.state();
  const std::map<std::string, std::string> drained =
      DrainedDevices(state.coordinator);
  const auto now = drained.find(event.device);
  // One that is gone from the host can be taken off the list.
  if (event.drain || now == drained.end()) {
    if (absl::Status bad = CheckDevice(state, event.device); !bad.ok()) {
      return bad;
    }
  }
  const std::string reason = event.drain ? event.reason : "";
  if (reason == (now == drained.end() ? "" : now->second)) {
    return absl::OkStatus();
  }
  Change(decision, event.device, reason);
  return absl::OkStatus();
}

}  // namespace

void OnDrainDevice(Decision& decision, const DrainDeviceEvent& event) {
  decision.Ack(event.ticket, DrainDevice(decision, event));
}

void ExcludeAfterFault(Decision& decision, const JobEntry& entry,
                       const std::string& device) {
  // What a user said of it says more.
  if (DrainedDevices(decision.state().coordinator).contains(device)) return;
  Change(decision, device,
         absl::StrCat("excluded after a fault of ", entry.job().name(),
                      " attempt ", entry.job().attempt()));
}

}  // namespace lockstep
