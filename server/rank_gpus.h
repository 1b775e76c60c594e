#ifndef LOCKSTEP_SERVER_RANK_GPUS_H_
#define LOCKSTEP_SERVER_RANK_GPUS_H_

// The GPUs that ranks tell of in their heartbeats, for /metrics: of hosts whose
// driver this coordinator cannot ask. Used when somebody scrapes.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "proto/contract/nvml.h"
#include "server/scheduler/rank_watch.h"
#include "server/store/job_store.h"

namespace lockstep {

struct HostGpu {
  // The node of the rank.
  std::string host;
  GpuReading reading;
  // How many since the rank started, by Xid.
  std::map<uint64_t, int64_t> xid_errors;
};

// One a GPU, by UUID. Of several ranks on one the newest reading counts, and of
// each kind of error the most that one of them saw: they began to count at
// different times. Those whose host is not known yet are left out.
std::vector<HostGpu> GpusOfRanks(std::vector<RankGpu> told,
                                 const JobStore& store);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_RANK_GPUS_H_
