#include "server/launcher/gpu_use.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace lockstep {

std::string ForeignUse(const GpuUse& use,
                       const std::function<bool(int process)>& is_ours) {
  // One with several contexts is listed several times.
  std::set<int> strangers;
  for (const int process : use.processes) {
    if (!is_ours(process)) strangers.insert(process);
  }
  if (!strangers.empty()) {
    return absl::StrCat(strangers.size() == 1 ? "process " : "processes ",
                        absl::StrJoin(strangers, ", "));
  }
  // All that is seen is ours, and the memory theirs.
  if (!use.processes.empty() || use.memory_used_bytes <= kIdleGpuBytes) {
    return "";
  }
  // Whole GiB: what flickers is nobody's news.
  return absl::StrFormat("hidden processes, %d GiB in use",
                         use.memory_used_bytes >> 30);
}

ForeignUses ForeignUsesOf(const std::vector<GpuUse>& uses,
                          const std::function<bool(int process)>& is_ours) {
  ForeignUses foreign;
  for (const GpuUse& use : uses) {
    std::string how = ForeignUse(use, is_ours);
    if (!how.empty()) foreign[use.uuid] = std::move(how);
  }
  return foreign;
}

}  // namespace lockstep
