#ifndef LOCKSTEP_WORKER_SUPERVISE_CPU_TOPOLOGY_H_
#define LOCKSTEP_WORKER_SUPERVISE_CPU_TOPOLOGY_H_

// Which CPUs this host has, which of them are threads of one core, and which
// lie next to which GPU: as the kernel and the NVIDIA driver tell it in files.
// What cannot be read is left out. Read by a supervisor when it starts.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace lockstep {

using CpuSet = std::set<int>;

// More than any host has: a list that says otherwise is none of the kernel's,
// and a mask must be no shorter than the kernel's own.
inline constexpr int kMostCpus = 1 << 16;

// "0-2,8,10-11", as the kernel writes them; none: it is something else.
std::optional<CpuSet> ParseCpuList(absl::string_view text);
std::string FormatCpuList(const CpuSet& cpus);

struct CpuTopology {
  CpuSet online;
  // By CPU, the first one of its core.
  std::map<int, int> core;

  struct Gpu {
    std::string uuid;
    CpuSet near;
  };
  // By their places on the bus.
  std::vector<Gpu> gpus;
};

// The file systems /sys and /proc lie below `root`.
CpuTopology ReadCpuTopology(const std::string& root = "");

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_SUPERVISE_CPU_TOPOLOGY_H_
