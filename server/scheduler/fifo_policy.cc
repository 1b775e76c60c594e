#include "server/scheduler/fifo_policy.h"

#include <map>
#include <set>

#include "absl/strings/str_cat.h"

namespace lockstep {
namespace {

std::string Need(const DeviceDemand& demand) {
  return absl::StrCat("needs ", demand.count, " ", DeviceKindName(demand.kind),
                      demand.count == 1 ? " device" : " devices");
}

std::string Shortage(const DeviceDemand& demand, int available,
                     const DevicePool& pool) {
  const int others = pool.UsedByOthers(demand.kind);
  return absl::StrCat(Need(demand), "; ", available, " of ",
                      pool.Total(demand.kind), " are free",
                      others > 0 ? absl::StrCat(", ", others,
                                                " used by processes that are "
                                                "not Lockstep's")
                                 : "",
                      DrainedInWords(pool.Drained(demand.kind)));
}

// Ranks of one attempt sit on one host where a host has room for all.
std::vector<DevicePlace> Choose(std::vector<DevicePlace>& free, int count) {
  std::map<std::string, int> free_on;
  for (const DevicePlace& place : free) ++free_on[place.node];
  std::string host;
  for (const DevicePlace& place : free) {
    if (host.empty() && free_on[place.node] >= count) host = place.node;
  }
  std::vector<DevicePlace> chosen;
  std::vector<DevicePlace> left;
  for (const DevicePlace& place : free) {
    const bool fits = host.empty() || place.node == host;
    const bool wanted = static_cast<int>(chosen.size()) < count;
    (fits && wanted ? chosen : left).push_back(place);
  }
  free = std::move(left);
  return chosen;
}

}  // namespace

std::vector<SchedulingDecision> FifoPolicy::Decide(
    const std::vector<WaitingJob>& queue, const DevicePool& pool) const {
  std::map<v1::Device::Kind, std::vector<DevicePlace>> free;
  for (const v1::Device::Kind kind : {v1::Device::CPU, v1::Device::CUDA}) {
    free[kind] = pool.Free(kind);
  }
  std::set<v1::Device::Kind> held_back;
  std::vector<SchedulingDecision> decisions;
  for (const WaitingJob& job : queue) {
    SchedulingDecision& decision = decisions.emplace_back();
    decision.name = job.name;
    const v1::Device::Kind kind = job.demand.kind;
    std::vector<DevicePlace> own = pool.FreeFor(job.name);
    const int available = static_cast<int>(free[kind].size() + own.size());
    if (job.backoff > absl::ZeroDuration()) {
      decision.reason = v1::Job::BACKOFF;
      decision.message = "waits before the next attempt";
    } else if (static_cast<int>(own.size()) >= job.demand.count) {
      // Whoever is before it: they were freed for this one.
      decision.places = Choose(own, job.demand.count);
    } else if (held_back.contains(kind)) {
      decision.reason = v1::Job::PRIORITY;
      decision.message =
          absl::StrCat(Need(job.demand), "; jobs before it go first");
    } else if (available < job.demand.count) {
      held_back.insert(kind);
      decision.reason = v1::Job::CAPACITY;
      decision.message = Shortage(job.demand, available, pool);
    } else {
      const int more = job.demand.count - static_cast<int>(own.size());
      decision.places = Choose(free[kind], more);
      decision.places.insert(decision.places.end(), own.begin(), own.end());
    }
  }
  return decisions;
}

}  // namespace lockstep
