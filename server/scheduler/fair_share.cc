#include "server/scheduler/fair_share.h"

#include <algorithm>
#include <cmath>

#include "proto/contract/queue.h"
#include "server/scheduler/proto_time.h"

namespace lockstep {
namespace {

constexpr int64_t kMillisecondsASecond = 1000;

absl::Time ChargedUntil(const server::QueueRecord& record) {
  return record.has_usage_time() ? FromProto(record.usage_time())
                                 : absl::InfinitePast();
}

int64_t ShareOf(int64_t milliseconds, double weight) {
  return static_cast<int64_t>(static_cast<double>(milliseconds) /
                              static_cast<double>(kMillisecondsASecond) /
                              weight);
}

}  // namespace

int64_t DecayedUsage(int64_t usage, absl::Duration elapsed) {
  if (usage <= 0) return 0;
  if (elapsed <= absl::ZeroDuration()) return usage;
  const double half_lives = absl::FDivDuration(elapsed, kUsageHalfLife);
  return static_cast<int64_t>(static_cast<double>(usage) *
                              std::exp2(-half_lives));
}

void ChargeUsage(const std::vector<HeldDevices>& held, absl::Time now,
                 server::QueueRecord& record) {
  const absl::Time until = ChargedUntil(record);
  std::map<std::string, int64_t> usages;
  for (const server::OwnerUsage& usage : record.usages()) {
    usages[usage.owner()] +=
        DecayedUsage(usage.device_milliseconds(), now - until);
  }
  for (const HeldDevices& one : held) {
    const absl::Duration more = now - std::max(one.since, until);
    if (more <= absl::ZeroDuration()) continue;
    usages[one.owner] += one.devices * absl::ToInt64Milliseconds(more);
  }
  record.clear_usages();
  for (const auto& [owner, milliseconds] : usages) {
    if (milliseconds == 0) continue;
    server::OwnerUsage& usage = *record.add_usages();
    usage.set_owner(owner);
    usage.set_device_milliseconds(milliseconds);
  }
  *record.mutable_usage_time() = ToProto(now);
}

int64_t FairShares::OfQueue(const std::string& queue) const {
  const auto found = of_queue.find(queue);
  return found == of_queue.end() ? 0 : found->second;
}

int64_t FairShares::OfOwner(const std::string& queue,
                            const std::string& owner) const {
  const auto owners = of_owner.find(queue);
  if (owners == of_owner.end()) return 0;
  const auto found = owners->second.find(owner);
  return found == owners->second.end() ? 0 : found->second;
}

FairShares SharesAt(const QueueRecords& queues, absl::Time now) {
  FairShares shares;
  for (const auto& [id, record] : queues) {
    const absl::Duration elapsed = now - ChargedUntil(record);
    int64_t all = 0;
    for (const server::OwnerUsage& usage : record.usages()) {
      const int64_t left = DecayedUsage(usage.device_milliseconds(), elapsed);
      all += left;
      shares.of_owner[id][usage.owner()] = ShareOf(left, /*weight=*/1);
    }
    shares.of_queue[id] = ShareOf(all, WeightOf(record.queue()));
  }
  return shares;
}

}  // namespace lockstep
