#ifndef LOCKSTEP_SERVER_SERVICE_SERVICE_PARTS_H_
#define LOCKSTEP_SERVER_SERVICE_SERVICE_PARTS_H_

// What the services are made of. All parts are borrowed, thread-safe, and
// outlive the services.

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "lockstep/v1/cluster_service.pb.h"

namespace lockstep {

class Access;
class Clock;
class EventLog;
class JobStore;
class MetricLog;
class Rendezvous;
class Scheduler;
class ServerMetrics;
class StoreBackup;
class StreamPump;

struct ServiceOptions {
  // What runs here, as GetServerInfo and GetServerConfig say.
  std::string state_dir;
  int store_version = 0;
  absl::Time start_time;
  std::vector<std::pair<std::string, std::string>> settings;
  // STATE/jobs: where logs are.
  std::string jobs_dir;
  // http address of /metrics; empty when off.
  std::string metrics_url;
  // The longest silence of a rank, which is told so when it joins.
  absl::Duration heartbeat_interval = absl::Seconds(5);
  // A watch that has nothing to say says so this often.
  absl::Duration bookmark_interval = absl::Seconds(15);
  // How often a followed log file is looked at.
  absl::Duration log_poll_interval = absl::Milliseconds(250);
  // What devices are doing now, by Device.id; may be null. Thread-safe.
  std::function<std::map<std::string, v1::DeviceLoad>()> device_loads;
};

struct ServiceParts {
  const ServiceOptions& options;
  Clock& clock;
  JobStore& store;
  StoreBackup& backup;
  EventLog& events;
  MetricLog& metric_log;
  Scheduler& scheduler;
  Rendezvous& rendezvous;
  const Access& access;
  ServerMetrics& metrics;
  StreamPump& pump;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_SERVICE_PARTS_H_
