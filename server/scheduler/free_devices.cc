#include "server/scheduler/free_devices.h"

#include <algorithm>

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
    : view_(view), kind_(kind), free_(view.pool.Free(kind)) {}

const FreeDevices::Places& FreeDevices::AllOf(const std::string& model) {
  const auto [found, is_new] = models_.try_emplace(model);
  if (is_new) {
    for (const DevicePlace& place : view_.pool.All(kind_, model)) {
      found->second.insert({place.node, place.device});
    }
  }
  return found->second;
}

std::vector<DevicePlace> FreeDevices::Of(
    const std::string& model, const std::vector<std::string>& not_of) {
  if (model.empty() && not_of.empty()) return free_;
  std::vector<DevicePlace> places;
  for (const DevicePlace& place : free_) {
    const std::pair<std::string, std::string> key(place.node, place.device);
    if (!AllOf(model).contains(key)) continue;
    const bool barred = std::any_of(
        not_of.begin(), not_of.end(),
        [&](const std::string& other) { return AllOf(other).contains(key); });
    if (!barred) places.push_back(place);
  }
  return places;
}

bool FreeDevices::Overlap(const std::string& a, const std::string& b) {
  const Places& others = AllOf(b);
  return a == b ||
         std::any_of(AllOf(a).begin(), AllOf(a).end(),
                     [&](const auto& place) { return others.contains(place); });
}

int FreeDevices::Count(const std::vector<DevicePlace>& places,
                       const std::string& model) {
  if (model.empty()) return static_cast<int>(places.size());
  const Places& all = AllOf(model);
  return static_cast<int>(
      std::count_if(places.begin(), places.end(), [&](const auto& place) {
        return all.contains({place.node, place.device});
      }));
}

void FreeDevices::Take(const WaitingJob& job,
                       const std::vector<DevicePlace>& places) {
  std::erase_if(free_, [&](const DevicePlace& place) {
    return std::find(places.begin(), places.end(), place) != places.end();
  });
  taken_.push_back({job.longest, places});
}

FreeDevices::Shadow FreeDevices::ShadowOf(const WaitingJob& job) {
  const std::string& model = job.demand.model;
  std::multimap<absl::Duration, int> returns;
  for (const auto& [holder, places] : view_.pool.HeldPlaces(kind_, model)) {
    const auto count =
        std::count_if(places.begin(), places.end(), [&](const auto& place) {
          return !view_.pool.IsKeptFrom(job.name, place);
        });
    returns.emplace(view_.time_left(holder), static_cast<int>(count));
  }
  for (const Held& held : taken_) {
    returns.emplace(held.left, Count(held.places, model));
  }
  int have = Count(free_, model) +
             static_cast<int>(view_.pool.FreeFor(job.name).size());
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
