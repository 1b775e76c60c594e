#ifndef LOCKSTEP_SERVER_LAUNCHER_LOCAL_NODE_H_
#define LOCKSTEP_SERVER_LAUNCHER_LOCAL_NODE_H_

// This host as the cluster shows it.

#include <string>
#include <vector>

#include "lockstep/v1/cluster_service.pb.h"
#include "proto/contract/nvml.h"

namespace lockstep {

// "localhost" where the host has no name.
std::string HostName();

// CPU slots first, then GPUs.
v1::Node LocalNode(const std::string& host_name, int cpu_slots,
                   const std::vector<Gpu>& gpus);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_LOCAL_NODE_H_
