#ifndef LOCKSTEP_SERVER_SCHEDULER_FREE_DEVICES_H_
#define LOCKSTEP_SERVER_SCHEDULER_FREE_DEVICES_H_

// What a policy can still give of one kind of device while it decides, and whom
// the jobs that do not fit wait for. Lives on the stack of one decision.

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/scheduler/scheduling_policy.h"

namespace lockstep {

// Ranks of one attempt sit on one host where a host has room for all, and on
// the first ones of `free` otherwise, of which there are enough.
std::vector<DevicePlace> ChoosePlaces(const std::vector<DevicePlace>& free,
                                      int count);

class FreeDevices {
 public:
  FreeDevices(const SchedulingView& view, v1::Device::Kind kind);

  bool none() const { return free_.empty(); }
  // Those that a job of this model may have, but none that a model of `not_of`
  // may have as well.
  std::vector<DevicePlace> Of(const std::string& model,
                              const std::vector<std::string>& not_of = {});
  // Whether some device, free or not, is of both.
  bool Overlap(const std::string& a, const std::string& b);
  // `job` has these from now on.
  void Take(const WaitingJob& job, const std::vector<DevicePlace>& places);
  // How many of them are of a model.
  int Count(const std::vector<DevicePlace>& places, const std::string& model);

  // When a job that does not fit can start at the latest, and how many devices
  // that it could have are left over then. Infinite: not known.
  struct Shadow {
    absl::Duration time = absl::InfiniteDuration();
    int spare = 0;
  };
  Shadow ShadowOf(const WaitingJob& job);

 private:
  using Places = std::set<std::pair<std::string, std::string>>;

  struct Held {
    absl::Duration left;
    std::vector<DevicePlace> places;
  };

  // All devices of a model, free or not.
  const Places& AllOf(const std::string& model);

  const SchedulingView& view_;
  const v1::Device::Kind kind_;
  std::vector<DevicePlace> free_;
  std::map<std::string, Places> models_;
  // By those that start now.
  std::vector<Held> taken_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_FREE_DEVICES_H_
