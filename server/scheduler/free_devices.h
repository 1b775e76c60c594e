#ifndef LOCKSTEP_SERVER_SCHEDULER_FREE_DEVICES_H_
#define LOCKSTEP_SERVER_SCHEDULER_FREE_DEVICES_H_

// What a policy can still give of one kind of device while it decides. Lives on
// the stack of one decision; hundreds of jobs are held against it, so that it
// counts and copies nothing until a job starts.

#include <cstddef>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/scheduler/device_set.h"
#include "server/scheduler/scheduling_policy.h"

namespace lockstep {

// Ranks of one attempt sit on one host where a host has room for all, and on
// the first ones of `free` otherwise, of which there are enough.
std::vector<DevicePlace> ChoosePlaces(const std::vector<DevicePlace>& free,
                                      int count);

class FreeDevices {
 public:
  // A model that some job asks for; 0: any.
  using Model = size_t;

  FreeDevices(const SchedulingView& view, v1::Device::Kind kind);

  Model ModelOf(const std::string& name);

  // How many there are, but for those that are drained.
  int Usable(Model model) const { return models_[model].usable; }
  // Those that a job of this model may have,
  int Count(Model model) const { return models_[model].free; }
  // but none of these.
  int Count(Model model, const DeviceSet& but) const {
    return DeviceSet::CountBoth(free_, models_[model].has, but);
  }
  std::vector<DevicePlace> Of(Model model, const DeviceSet& but) const;
  // All of them, these at the end.
  std::vector<DevicePlace> OfWithLast(Model model, const DeviceSet& last) const;
  // How many of these are of a model.
  int CountIn(const std::vector<DevicePlace>& places, Model model) const;

  // All of a model, free or not; none.
  const DeviceSet& All(Model model) const { return models_[model].has; }
  DeviceSet None() const { return DeviceSet(devices_.size()); }

  // `job` has these from now on.
  void Take(const WaitingJob& job, const std::vector<DevicePlace>& places);

  // When a job that does not fit can start at the latest, and how many devices
  // that it could have are left over then. Infinite: not known.
  struct Shadow {
    absl::Duration time = absl::InfiniteDuration();
    int spare = 0;
  };
  Shadow ShadowOf(const WaitingJob& job);

 private:
  struct KnownModel {
    std::string name;
    DeviceSet has;
    int usable = 0;
    // How many of them are free.
    int free = 0;
  };
  struct Held {
    absl::Duration left;
    std::vector<DevicePlace> places;
  };

  // Its index among the devices; how many there are when it is none.
  size_t Find(const DevicePlace& place) const;

  const SchedulingView& view_;
  const v1::Device::Kind kind_;
  std::vector<DevicePlace> devices_;
  DeviceSet free_;
  std::vector<KnownModel> models_;
  // By those that start now.
  std::vector<Held> taken_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_FREE_DEVICES_H_
