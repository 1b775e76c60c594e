#ifndef LOCKSTEP_SERVER_SCHEDULER_DEVICE_POOL_H_
#define LOCKSTEP_SERVER_SCHEDULER_DEVICE_POOL_H_

// Which devices there are, and which job holds which. A value inside the
// scheduler's state: thread-compatible, no clock, no I/O.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lockstep/v1/cluster_service.pb.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep {

struct DevicePlace {
  std::string node;  // Host name, without nodes/.
  std::string device;

  friend bool operator==(const DevicePlace&, const DevicePlace&) = default;
};

// What a job asks of the pool.
struct DeviceDemand {
  v1::Device::Kind kind = v1::Device::CPU;
  int count = 1;
  // Only devices whose model, in small letters, contains this.
  std::string model = {};
};

// "cpu", "cuda".
absl::string_view DeviceKindName(v1::Device::Kind kind);

// ", 1 out of use (cpu:0: its fan)", naming a few; empty when none is.
std::string DrainedInWords(const std::map<std::string, std::string>& drained);

class DevicePool {
 public:
  DevicePool() = default;
  explicit DevicePool(std::vector<v1::Node> nodes);

  // `auto` is cuda where there are GPUs and the job can train on them, else
  // cpu.
  DeviceDemand DemandOf(const v1::JobSpec& spec) const;

  // What follows counts only devices of that model, if one is given, as
  // DeviceDemand has it.
  int Total(v1::Device::Kind kind, absl::string_view model = "") const;
  // All, whoever has them.
  std::vector<DevicePlace> All(v1::Device::Kind kind,
                               absl::string_view model = "") const;
  // Devices that any job may have now, by node and index.
  std::vector<DevicePlace> Free(v1::Device::Kind kind,
                                absl::string_view model = "") const;
  // Those that only this job may have now.
  std::vector<DevicePlace> FreeFor(const std::string& job) const;
  // Devices that are free, and kept for some job.
  int Kept(v1::Device::Kind kind, absl::string_view model = "") const;
  // Those that no job gets after the one that holds them, if any: by id, each
  // with why.
  std::map<std::string, std::string> Drained(
      v1::Device::Kind kind, absl::string_view model = "") const;
  bool IsDrained(const DevicePlace& place) const {
    return drained_.contains(place.device);
  }
  // How many of these no job holds.
  int DrainedAndIdle(v1::Device::Kind kind, absl::string_view model = "") const;
  // Those that jobs hold, by node and index, each with its holder.
  void ForEachHeld(
      v1::Device::Kind kind, absl::string_view model,
      absl::FunctionRef<void(const DevicePlace&, const std::string&)> visit)
      const;
  // Those that each job holds.
  std::map<std::string, std::vector<DevicePlace>> HeldPlaces(
      v1::Device::Kind kind, absl::string_view model = "") const;
  // How many of a kind each job holds.
  std::map<std::string, int> Holders(v1::Device::Kind kind,
                                     absl::string_view model = "") const;
  // Those that no job holds and that are not free, since others use them; but
  // for the drained.
  int UsedByOthers(v1::Device::Kind kind, absl::string_view model = "") const;

  // The devices that others use now, by id, each with how; whether that is
  // news. What a job holds stays its own.
  bool SetForeignUses(std::map<std::string, std::string> uses);

  // Whether there is such a device.
  bool Has(absl::string_view device) const;
  // From now on no job gets these, by id, each with why.
  void SetDrained(std::map<std::string, std::string> drained);

  // FAILED_PRECONDITION: NOT_ENOUGH_DEVICES, the pool is too small even when
  // all of it is free. INVALID_ARGUMENT: INVALID_SPEC, it asks for what only
  // Slurm can do, and there is none.
  absl::Status CheckFits(const v1::JobSpec& spec) const;

  // From now on `job` holds these. A place that no node has any more (the host
  // changed while an attempt ran) is remembered all the same.
  void Reserve(const std::string& job, const std::vector<DevicePlace>& places);
  // Gives back all that `job` holds.
  void Release(const std::string& job);
  // What it holds of a kind, and others may get when it gives it back.
  std::vector<DevicePlace> HeldBy(const std::string& job, v1::Device::Kind kind,
                                  absl::string_view model = "") const;

  // From now on nobody but `job` gets these, whoever holds them still; of a
  // place that no node has nothing is kept. Until it is told otherwise.
  void Keep(const std::string& job, const std::vector<DevicePlace>& places);
  void KeepNothing(const std::string& job);
  bool IsKept(const DevicePlace& place) const {
    return kept_.contains({place.node, place.device});
  }
  // The jobs for which something is kept.
  std::set<std::string> Takers() const;
  // Whether it is kept for another one.
  bool IsKeptFrom(const std::string& job, const DevicePlace& place) const;
  // What is kept for it and not drained, and who holds some of that still.
  std::vector<DevicePlace> KeptFor(const std::string& job) const;
  std::set<std::string> HoldersOfKept(const std::string& job) const;

  // Whether an engine, Slurm, chooses hosts and devices: those here are slots
  // that it fills.
  bool IsOfEngine() const;

  // All nodes, with the holder of each device, or who else uses it.
  std::vector<v1::Node> Nodes() const;
  // Another one after each change of what Nodes says.
  int64_t version() const { return version_; }

 private:
  // Host name and device id.
  using Key = std::pair<std::string, std::string>;
  // A device of nodes_, as what is asked for each job needs it.
  struct Slot {
    v1::Device::Kind kind = v1::Device::CPU;
    // In small letters.
    std::string model;
    Key key;

    bool Is(v1::Device::Kind wanted, absl::string_view part) const;
    DevicePlace Place() const { return {key.first, key.second}; }
  };

  bool IsFree(const Key& key) const {
    return !holder_.contains(key) && !foreign_uses_.contains(key.second) &&
           !drained_.contains(key.second);
  }

  std::vector<v1::Node> nodes_;
  std::vector<Slot> slots_;  // By node and index.
  std::map<Key, std::string> holder_;
  // For which job.
  std::map<Key, std::string> kept_;
  std::map<std::string, std::string> foreign_uses_;
  std::map<std::string, std::string> drained_;
  int64_t version_ = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_DEVICE_POOL_H_
