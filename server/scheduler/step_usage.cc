// Device time as it is used, by queue and owner: charged when an attempt ends,
// and of what runs every few minutes, so that it is on disk and the order of
// the line changes at these moments alone.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

std::vector<HeldDevices> HeldIn(const SchedulerState& state,
                                const std::string& queue) {
  std::vector<HeldDevices> held;
  for (const auto& [name, holding] : state.live) {
    if (holding.queue == queue) held.push_back(holding.held);
  }
  return held;
}

}  // namespace

void ChargeQueue(Decision& decision, const std::string& id) {
  SchedulerState& state = decision.state();
  ChargeUsage(HeldIn(state, id), decision.wall(), state.queues[id]);
  decision.TouchQueue(id);
  TakeShares(state.queues, decision.wall(), state.shares);
  state.schedule = true;
}

void ChargeAll(Decision& decision) {
  SchedulerState& state = decision.state();
  // The wall may have been set back.
  const absl::Duration since = decision.wall() - state.charged;
  if (since >= absl::ZeroDuration() && since < kUsagePeriod) return;
  state.charged = decision.wall();
  std::set<std::string> queues;
  for (const auto& [name, holding] : state.live) queues.insert(holding.queue);
  for (const std::string& id : queues) ChargeQueue(decision, id);
}

}  // namespace lockstep
