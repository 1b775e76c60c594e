#ifndef LOCKSTEP_WORKER_MEMORY_MEMORY_PLAN_H_
#define LOCKSTEP_WORKER_MEMORY_MEMORY_PLAN_H_

// The table of what a rank's memory is for, known before the first step: a
// rank logs it, and admission will decide by it.

#include <cstdint>
#include <string>
#include <vector>

namespace lockstep {

struct MemoryLine {
  std::string purpose;
  int64_t bytes = 0;
};

using MemoryPlan = std::vector<MemoryLine>;

int64_t TotalBytes(const MemoryPlan& plan);

// One line an entry and the total, in MiB.
std::string FormatMemoryPlan(const MemoryPlan& plan);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MEMORY_MEMORY_PLAN_H_
