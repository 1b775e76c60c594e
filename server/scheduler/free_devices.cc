#include "server/scheduler/free_devices.h"

#include <algorithm>
#include <map>
#include <utility>

namespace lockstep {

std::vector<DevicePlace> ChoosePlaces(const std::vector<DevicePlace>& free,
                                      int count) {
  std::map<std::string, int> free_on;
  for (const DevicePlace& place : free) ++free_on[place.node];
  std::string host;
  for (const DevicePlace& place : free) {
    if (host.empty() && free_on[place.node] >= count) host = place.node;
  }
  std::vector<DevicePlace> chosen;
  for (const DevicePlace& place : free) {
    if (static_cast<int>(chosen.size()) == count) break;
    if (host.empty() || place.node == host) chosen.push_back(place);
  }
  return chosen;
}

FreeDevices::FreeDevices(const SchedulingView& view, v1::Device::Kind kind)
    : view_(view),
      kind_(kind),
      devices_(view.pool.All(kind)),
      free_(devices_.size()) {
  size_t device = 0;
  // Both are in the order of the pool.
  for (const DevicePlace& place : view.pool.Free(kind)) {
    while (!(devices_[device] == place)) ++device;
    free_.Add(device);
  }
  ModelOf("");
}

FreeDevices::Model FreeDevices::ModelOf(const std::string& name) {
  for (Model model = 0; model < models_.size(); ++model) {
    if (models_[model].name == name) return model;
  }
  KnownModel& known = models_.emplace_back();
  known.name = name;
  known.has = None();
  size_t device = 0;
  for (const DevicePlace& place :
       name.empty() ? devices_ : view_.pool.All(kind_, name)) {
    while (!(devices_[device] == place)) ++device;
    known.has.Add(device);
    if (!view_.pool.IsDrained(place)) ++known.usable;
    if (free_.Has(device)) ++known.free;
  }
  return models_.size() - 1;
}

std::vector<DevicePlace> FreeDevices::Of(Model model,
                                         const DeviceSet& but) const {
  std::vector<DevicePlace> places;
  for (size_t device = 0; device < devices_.size(); ++device) {
    if (free_.Has(device) && models_[model].has.Has(device) &&
        !but.Has(device)) {
      places.push_back(devices_[device]);
    }
  }
  return places;
}

std::vector<DevicePlace> FreeDevices::OfWithLast(Model model,
                                                 const DeviceSet& last) const {
  std::vector<DevicePlace> places = Of(model, last);
  for (size_t device = 0; device < devices_.size(); ++device) {
    if (free_.Has(device) && models_[model].has.Has(device) &&
        last.Has(device)) {
      places.push_back(devices_[device]);
    }
  }
  return places;
}

int FreeDevices::CountIn(const std::vector<DevicePlace>& places,
                         Model model) const {
  if (model == 0) return static_cast<int>(places.size());
  return static_cast<int>(
      std::count_if(places.begin(), places.end(), [&](const auto& place) {
        const size_t device = Find(place);
        return device < devices_.size() && models_[model].has.Has(device);
      }));
}

size_t FreeDevices::Find(const DevicePlace& place) const {
  return std::find(devices_.begin(), devices_.end(), place) - devices_.begin();
}

void FreeDevices::Take(const WaitingJob& job,
                       const std::vector<DevicePlace>& places) {
  for (const DevicePlace& place : places) {
    const size_t device = Find(place);
    // One that is kept was not free for others.
    if (device == devices_.size() || !free_.Has(device)) continue;
    free_.Remove(device);
    for (KnownModel& model : models_) {
      model.free -= model.has.Has(device) ? 1 : 0;
    }
  }
  taken_.push_back({job.longest, places});
}

FreeDevices::Shadow FreeDevices::ShadowOf(const WaitingJob& job) {
  const Model model = ModelOf(job.demand.model);
  // When some come back, and how many.
  std::vector<std::pair<absl::Duration, int>> returns;
  const std::string* holder = nullptr;
  absl::Duration left;
  view_.pool.ForEachHeld(kind_, job.demand.model,
                         [&](const auto& place, const auto& name) {
                           if (view_.pool.IsKeptFrom(job.name, place) ||
                               view_.pool.IsDrained(place)) {
                             return;
                           }
                           // Those of one job mostly lie together.
                           if (holder == nullptr || *holder != name)
                             left = view_.time_left(name);
                           holder = &name;
                           returns.emplace_back(left, 1);
                         });
  for (const Held& held : taken_) {
    returns.emplace_back(held.left, CountIn(held.places, model));
  }
  std::sort(returns.begin(), returns.end());
  int have =
      Count(model) + static_cast<int>(view_.pool.FreeFor(job.name).size());
  absl::Duration time = absl::ZeroDuration();
  for (const auto& [left, count] : returns) {
    // All that comes back at one moment counts.
    if (have >= job.demand.count && left > time) break;
    if (left == absl::InfiniteDuration()) return {};
    have += count;
    time = left;
  }
  if (have < job.demand.count) return {};
  return {time, have - job.demand.count};
}

}  // namespace lockstep
