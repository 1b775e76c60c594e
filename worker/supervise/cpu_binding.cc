#include "worker/supervise/cpu_binding.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <map>

namespace lockstep {
namespace {

constexpr size_t kFewestCores = 2;

// A kernel's mask of any length.
class Mask {
 public:
  Mask() : set_(CPU_ALLOC(kMostCpus)), size_(CPU_ALLOC_SIZE(kMostCpus)) {
    CPU_ZERO_S(size_, set_);
  }
  ~Mask() { CPU_FREE(set_); }
  Mask(const Mask&) = delete;
  Mask& operator=(const Mask&) = delete;

  cpu_set_t* set() { return set_; }
  size_t size() const { return size_; }

 private:
  cpu_set_t* const set_;
  const size_t size_;
};

// The part-th of so many parts, none of which is more than a core larger than
// another.
CpuSet Part(const CpuTopology& topology, const CpuSet& cpus, size_t part,
            size_t parts) {
  std::map<int, CpuSet> cores;
  for (const int cpu : cpus) cores[topology.core.at(cpu)].insert(cpu);
  const size_t begin = cores.size() * part / parts;
  const size_t end = cores.size() * (part + 1) / parts;
  if (end - begin < kFewestCores) return {};
  CpuSet mine;
  size_t i = 0;
  for (const auto& [core, threads] : cores) {
    if (begin <= i && i < end) mine.insert(threads.begin(), threads.end());
    ++i;
  }
  return mine;
}

CpuSet CpusNextTo(const CpuTopology& topology, const std::string& device) {
  const auto gpu =
      std::find_if(topology.gpus.begin(), topology.gpus.end(),
                   [&](const auto& known) { return known.uuid == device; });
  if (gpu == topology.gpus.end()) return {};
  CpuSet near;
  for (const int cpu : gpu->near) {
    if (topology.online.contains(cpu)) near.insert(cpu);
  }
  // All CPUs are as far from it as any.
  if (near.size() == topology.online.size()) return {};
  const auto shares = [&](const auto& other) {
    return other.near == gpu->near;
  };
  return Part(
      topology, near, std::count_if(topology.gpus.begin(), gpu, shares),
      std::count_if(topology.gpus.begin(), topology.gpus.end(), shares));
}

}  // namespace

std::vector<CpuSet> CpusOfRanks(const CpuTopology& topology,
                                const CpuSet& allowed,
                                const std::vector<std::string>& devices) {
  std::vector<CpuSet> cpus(devices.size());
  const bool is_bound =
      !std::includes(allowed.begin(), allowed.end(), topology.online.begin(),
                     topology.online.end());
  if (is_bound) return cpus;
  for (size_t i = 0; i < devices.size(); ++i) {
    cpus[i] = CpusNextTo(topology, devices[i]);
  }
  return cpus;
}

CpuSet AllowedCpus() {
  Mask mask;
  CpuSet cpus;
  if (sched_getaffinity(0, mask.size(), mask.set()) != 0) return cpus;
  for (int cpu = 0; cpu < kMostCpus; ++cpu) {
    if (CPU_ISSET_S(cpu, mask.size(), mask.set())) cpus.insert(cpu);
  }
  return cpus;
}

int SetAllowedCpus(const CpuSet& cpus) {
  Mask mask;
  for (const int cpu : cpus) CPU_SET_S(cpu, mask.size(), mask.set());
  return sched_setaffinity(0, mask.size(), mask.set()) == 0 ? 0 : errno;
}

}  // namespace lockstep
