#include "server/scheduler/free_devices.h"

#include <algorithm>
#include <map>

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
      is_free_(devices_.size(), false) {
  size_t device = 0;
  // Both are in the order of the pool.
  for (const DevicePlace& place : view.pool.Free(kind)) {
    while (!(devices_[device] == place)) ++device;
    is_free_[device] = true;
  }
  ModelOf("");
}

FreeDevices::Model FreeDevices::ModelOf(const std::string& name) {
  for (Model model = 0; model < models_.size(); ++model) {
    if (models_[model].name == name) return model;
  }
  KnownModel& known = models_.emplace_back();
  known.name = name;
  known.has.resize(devices_.size(), false);
  size_t device = 0;
  for (const DevicePlace& place : view_.pool.All(kind_, name)) {
    while (!(devices_[device] == place)) ++device;
    known.has[device] = true;
    if (!view_.pool.IsDrained(place)) ++known.usable;
    if (is_free_[device]) ++known.free;
  }
  return models_.size() - 1;
}

bool FreeDevices::IsOfAny(size_t device,
                          const std::vector<Model>& models) const {
  return std::any_of(models.begin(), models.end(),
                     [&](Model model) { return models_[model].has[device]; });
}

int FreeDevices::Count(Model model, const std::vector<Model>& not_of) const {
  if (not_of.empty() || Count(model) == 0) return Count(model);
  int count = 0;
  for (size_t device = 0; device < devices_.size(); ++device) {
    count += is_free_[device] && models_[model].has[device] &&
             !IsOfAny(device, not_of);
  }
  return count;
}

std::vector<DevicePlace> FreeDevices::Of(
    Model model, const std::vector<Model>& not_of) const {
  std::vector<DevicePlace> places;
  for (size_t device = 0; device < devices_.size(); ++device) {
    if (is_free_[device] && models_[model].has[device] &&
        !IsOfAny(device, not_of)) {
      places.push_back(devices_[device]);
    }
  }
  return places;
}

std::vector<DevicePlace> FreeDevices::OfWithLast(
    Model model, const std::vector<Model>& last) const {
  std::vector<DevicePlace> places = Of(model, last);
  for (size_t device = 0; device < devices_.size(); ++device) {
    if (is_free_[device] && models_[model].has[device] &&
        IsOfAny(device, last)) {
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
        return device < devices_.size() && models_[model].has[device];
      }));
}

bool FreeDevices::Overlap(Model a, Model b) const {
  if (a == b || a == 0 || b == 0) return true;
  for (size_t device = 0; device < devices_.size(); ++device) {
    if (models_[a].has[device] && models_[b].has[device]) return true;
  }
  return false;
}

size_t FreeDevices::Find(const DevicePlace& place) const {
  return std::find(devices_.begin(), devices_.end(), place) - devices_.begin();
}

void FreeDevices::Take(const WaitingJob& job,
                       const std::vector<DevicePlace>& places) {
  for (const DevicePlace& place : places) {
    const size_t device = Find(place);
    // One that is kept was not free for others.
    if (device == devices_.size() || !is_free_[device]) continue;
    is_free_[device] = false;
    for (KnownModel& model : models_) model.free -= model.has[device] ? 1 : 0;
  }
  taken_.push_back({job.longest, places});
}

FreeDevices::Shadow FreeDevices::ShadowOf(const WaitingJob& job) {
  const Model model = ModelOf(job.demand.model);
  std::multimap<absl::Duration, int> returns;
  for (const auto& [holder, places] :
       view_.pool.HeldPlaces(kind_, job.demand.model)) {
    const auto count =
        std::count_if(places.begin(), places.end(), [&](const auto& place) {
          return !view_.pool.IsKeptFrom(job.name, place) &&
                 !view_.pool.IsDrained(place);
        });
    returns.emplace(view_.time_left(holder), static_cast<int>(count));
  }
  for (const Held& held : taken_) {
    returns.emplace(held.left, CountIn(held.places, model));
  }
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
