#include "worker/memory/memory_plan.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lockstep {

int64_t TotalBytes(const MemoryPlan& plan) {
  int64_t total = 0;
  for (const MemoryLine& line : plan) total += line.bytes;
  return total;
}

std::string FormatMemoryPlan(const MemoryPlan& plan) {
  constexpr double kMiB = 1024.0 * 1024.0;
  std::string text;
  for (const MemoryLine& line : plan) {
    absl::StrAppendFormat(&text, "%-24s %10.1f MiB\n", line.purpose,
                          line.bytes / kMiB);
  }
  absl::StrAppendFormat(&text, "%-24s %10.1f MiB\n", "total",
                        TotalBytes(plan) / kMiB);
  return text;
}

}  // namespace lockstep
