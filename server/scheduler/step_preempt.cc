// Preemption by consent: the first job in line that finds too few devices takes
// those of less urgent jobs that said they give way. They stop with a
// checkpoint and wait again; what they free is kept for the one that took it.

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/contract/priority.h"
#include "server/scheduler/preemption_policy.h"
#include "server/scheduler/proto_time.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

void Append(std::vector<DevicePlace> more, std::vector<DevicePlace>& places) {
  std::move(more.begin(), more.end(), std::back_inserter(places));
}

// Who holds devices of a kind: those that stop anyway, and those that may be
// asked to.
struct Holders {
  std::vector<const JobEntry*> stopping;
  std::vector<PreemptionCandidate> candidates;
};

bool AnyGivesWay(const SchedulerState& state, const JobEntry& taker) {
  return std::any_of(state.live.begin(), state.live.end(),
                     [&](const auto& live) {
                       const Holding& holding = live.second;
                       return holding.preemptible &&
                              GivesWay(holding.entry->job(), taker.job());
                     });
}

Holders FindHolders(const SchedulerState& state, const JobEntry& taker,
                    const DeviceDemand& demand) {
  Holders holders;
  for (const auto& [name, places] :
       state.pool.HeldPlaces(demand.kind, demand.model)) {
    const JobEntry& entry = state.jobs.at(name);
    // What was drained meanwhile comes back to nobody.
    const auto devices = static_cast<int>(std::count_if(
        places.begin(), places.end(),
        [&](const auto& place) { return !state.pool.IsDrained(place); }));
    if (devices == 0) continue;
    const v1::Attempt& attempt = *LiveAttemptOf(entry.job());
    if (attempt.state() == v1::Attempt::DRAINING) {
      holders.stopping.push_back(&entry);
    } else if (GivesWay(entry.job(), taker.job())) {
      holders.candidates.push_back({name, devices, PriorityOf(entry.job()),
                                    FromProto(attempt.start_time()),
                                    entry.order});
    }
  }
  return holders;
}

void GiveWay(Decision& decision, JobEntry& victim, const JobEntry& taker) {
  const std::string who = absl::StrCat(taker.job().name(), " of priority ",
                                       PriorityName(PriorityOf(taker.job())));
  StopWithCheckpoint(
      decision, victim,
      {v1::Attempt::PREEMPTED, absl::StrCat(who, " took its devices"),
       taker.job().name()});
  decision.Record(victim, v1::Event::INFO, "PREEMPTED",
                  absl::StrCat(who, " takes its devices; the ranks stop"),
                  victim.job().attempt());
}

// Beside what is kept already; but for what was drained since.
void Keep(Decision& decision, JobEntry& taker,
          std::vector<DevicePlace> places) {
  DevicePool& pool = decision.state().pool;
  Append(pool.KeptFor(taker.job().name()), places);
  pool.KeepNothing(taker.job().name());
  pool.Keep(taker.job().name(), places);
  taker.record.Mutable().clear_kept_devices();
  for (const DevicePlace& place : places) {
    server::KeptDevice& kept = *taker.record.Mutable().add_kept_devices();
    kept.set_node(place.node);
    kept.set_device(place.device);
  }
}

}  // namespace

bool GivesWay(const v1::Job& holder, const v1::Job& taker) {
  return holder.spec().resources().preemptible() &&
         PriorityOf(holder) < PriorityOf(taker);
}

bool Preempt(Decision& decision, JobEntry& taker) {
  SchedulerState& state = decision.state();
  if (!AnyGivesWay(state, taker)) return false;
  const DeviceDemand demand = state.pool.DemandOf(taker.job().spec());
  const Holders holders = FindHolders(state, taker, demand);
  const std::vector<DevicePlace> kept = state.pool.KeptFor(taker.job().name());
  // What is free or comes back anyway is kept as well: else victims stop for
  // it in vain.
  std::vector<DevicePlace> places = state.pool.Free(demand.kind, demand.model);
  for (const JobEntry* stopping : holders.stopping) {
    for (DevicePlace& place :
         state.pool.HeldBy(stopping->job().name(), demand.kind, demand.model)) {
      if (!state.pool.IsKept(place)) places.push_back(std::move(place));
    }
  }
  const int wanted = demand.count - static_cast<int>(kept.size());
  const std::vector<std::string> victims = ChooseVictims(
      wanted - static_cast<int>(places.size()), holders.candidates);
  if (victims.empty()) return false;
  for (const std::string& name : victims) {
    Append(state.pool.HeldBy(name, demand.kind, demand.model), places);
    GiveWay(decision, state.jobs.at(name), taker);
  }
  if (static_cast<int>(places.size()) > wanted) places.resize(wanted);
  Keep(decision, taker, std::move(places));
  decision.Record(
      taker, v1::Event::INFO, "PREEMPTS",
      absl::StrCat(absl::StrJoin(victims, ", "),
                   victims.size() == 1 ? " gives way" : " give way"));
  return true;
}

}  // namespace lockstep
