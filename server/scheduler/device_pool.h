#ifndef LOCKSTEP_SERVER_SCHEDULER_DEVICE_POOL_H_
#define LOCKSTEP_SERVER_SCHEDULER_DEVICE_POOL_H_

// Which devices there are, and which job holds which. A value inside the
// scheduler's state: thread-compatible, no clock, no I/O.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

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
};

// "cpu", "cuda".
absl::string_view DeviceKindName(v1::Device::Kind kind);

class DevicePool {
 public:
  DevicePool() = default;
  explicit DevicePool(std::vector<v1::Node> nodes);

  // `auto` is cuda where there are GPUs and the job can train on them, else
  // cpu.
  DeviceDemand DemandOf(const v1::JobSpec& spec) const;

  int Total(v1::Device::Kind kind) const;
  // Free devices, by node and index.
  std::vector<DevicePlace> Free(v1::Device::Kind kind) const;
  // How many of a kind each job holds.
  std::map<std::string, int> Holders(v1::Device::Kind kind) const;
  // Those that no job holds and that are not free, since others use them.
  int UsedByOthers(v1::Device::Kind kind) const;

  // The devices that others use now, by id, each with how; whether that is
  // news. What a job holds stays its own.
  bool SetForeignUses(std::map<std::string, std::string> uses);

  // FAILED_PRECONDITION: NOT_ENOUGH_DEVICES, the pool is too small even when
  // all of it is free.
  absl::Status CheckFits(const v1::JobSpec& spec) const;

  // From now on `job` holds these. A place that no node has any more (the host
  // changed while an attempt ran) is remembered all the same.
  void Reserve(const std::string& job, const std::vector<DevicePlace>& places);
  // Gives back all that `job` holds.
  void Release(const std::string& job);

  // All nodes, with the holder of each device, or who else uses it.
  std::vector<v1::Node> Nodes() const;
  // Another one after each change of what Nodes says.
  int64_t version() const { return version_; }

 private:
  std::vector<v1::Node> nodes_;
  std::map<std::pair<std::string, std::string>, std::string> holder_;
  std::map<std::string, std::string> foreign_uses_;
  int64_t version_ = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_DEVICE_POOL_H_
