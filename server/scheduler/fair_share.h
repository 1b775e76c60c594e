#ifndef LOCKSTEP_SERVER_SCHEDULER_FAIR_SHARE_H_
#define LOCKSTEP_SERVER_SCHEDULER_FAIR_SHARE_H_

// Who had how much of the cluster lately, in whole numbers:
//
//   usage(t) = sum over all attempts of devices * wall time * 2^(-age / 1 day)
//   share(t) = usage(t) / weight
//
// and the one with the smaller share goes first. It is the decaying usage of
// Slurm's multifactor priority plugin (PriorityDecayHalfLife; its default is a
// week) with an order in the place of its factor 2^(-usage/shares), which falls
// as our share rises. All shares are taken at one moment and held until the
// next, so that nothing changes its place between.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "server/store/record.pb.h"

namespace lockstep {

// By id.
using QueueRecords = std::map<std::string, server::QueueRecord>;

inline constexpr absl::Duration kUsageHalfLife = absl::Hours(24);
// How often what runs is charged (Slurm's PriorityCalcPeriod).
inline constexpr absl::Duration kUsagePeriod = absl::Minutes(5);

// What is left of a usage after so long, rounded down.
int64_t DecayedUsage(int64_t usage, absl::Duration elapsed);

// Devices that are held since a moment.
struct HeldDevices {
  std::string owner;
  int devices = 0;
  absl::Time since;
};

// Brings the usage of a queue forward to `now`: what it was decays, and what is
// held is added from where it was charged before. When the wall was set back,
// what was charged twice stays.
void ChargeUsage(const std::vector<HeldDevices>& held, absl::Time now,
                 server::QueueRecord& record);

// In device-seconds by unit of weight, rounded down.
struct FairShares {
  using OfNames = absl::flat_hash_map<std::string, int64_t>;

  OfNames of_queue;
  // By queue; all owners weigh the same.
  absl::flat_hash_map<std::string, OfNames> of_owner;

  int64_t OfQueue(const std::string& queue) const;
  int64_t OfOwner(const std::string& queue, const std::string& owner) const;
  const OfNames& OwnersOf(const std::string& queue) const;
};

// 0 for one that is not in there.
int64_t ShareIn(const FairShares::OfNames& shares, const std::string& name);

FairShares SharesAt(const QueueRecords& queues, absl::Time now);
// The same, in the place of older ones: most queues and owners stay.
void TakeShares(const QueueRecords& queues, absl::Time now, FairShares& shares);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_FAIR_SHARE_H_
