#ifndef LOCKSTEP_WORKER_SUPERVISE_CPU_BINDING_H_
#define LOCKSTEP_WORKER_SUPERVISE_CPU_BINDING_H_

// Which CPUs each rank of a host computes on: those next to its GPU, so that
// what it hands over crosses no link between sockets, and its pages lie there.
//
// GPUs that lie next to the same CPUs divide these evenly by whole cores, and
// each always has the same part: so neither ranks of one job nor jobs that know
// nothing of each other get in each other's way.

#include <string>
#include <vector>

#include "worker/supervise/cpu_topology.h"

namespace lockstep {

// By rank, of which `devices` are UUIDs or other names; empty: it may use all
// that the supervisor may. Pure. Nobody is bound where somebody has bound the
// supervisor, `allowed`, to less than the host: Slurm, a container or a user.
// Nor is a rank without a GPU, or one whose GPU lies next to all CPUs or to
// none that is known, or which would get less than two cores.
std::vector<CpuSet> CpusOfRanks(const CpuTopology& topology,
                                const CpuSet& allowed,
                                const std::vector<std::string>& devices);

// Of the calling thread; empty when the kernel does not say.
CpuSet AllowedCpus();

// From now on of the calling thread, and of those and the processes that it
// starts. Returns errno.
int SetAllowedCpus(const CpuSet& cpus);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_SUPERVISE_CPU_BINDING_H_
