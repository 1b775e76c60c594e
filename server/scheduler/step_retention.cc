// Jobs that ended long ago are forgotten, as if their users had deleted them.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/contract/job_state.h"
#include "server/scheduler/proto_time.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

constexpr absl::Duration kInterval = absl::Minutes(1);
// A commit of so many is no longer than others are; more follow at the next
// tick.
constexpr size_t kMostAtOnce = 100;

bool IsOld(const Decision& decision, const JobEntry& entry,
           absl::Duration keep) {
  const v1::Job& job = entry.job();
  return IsTerminal(job.state()) && entry.launching.empty() &&
         entry.watched.empty() &&
         FromProto(job.end_time()) + keep <= decision.wall();
}

}  // namespace

void ForgetOld(Decision& decision) {
  SchedulerState& state = decision.state();
  const absl::Duration keep = state.options.keep_ended;
  if (keep == absl::InfiniteDuration()) return;
  if (decision.now() < state.retention_due) return;
  std::vector<std::string> old;
  for (const auto& [name, entry] : state.jobs) {
    if (IsOld(decision, entry, keep)) old.push_back(name);
    if (old.size() == kMostAtOnce) break;
  }
  if (old.size() < kMostAtOnce) {
    state.retention_due = decision.now() + kInterval;
  }
  const std::string why =
      absl::StrCat("deleted, as it ended more than ",
                   absl::FormatDuration(keep), " ago (lockstepd --keep-jobs)");
  for (const std::string& name : old) {
    decision.Delete(state.jobs.at(name), why);
  }
}

}  // namespace lockstep
