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
// A tick removes no more files than this many jobs have; the rest follows.
constexpr size_t kMostAtOnce = 10;

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
  if (state.too_old.empty() && decision.now() >= state.retention_due) {
    state.retention_due = decision.now() + kInterval;
    for (const auto& [name, entry] : state.jobs) {
      if (IsOld(decision, entry, keep)) state.too_old.push_back(name);
    }
  }
  if (state.too_old.empty()) return;
  const std::string why =
      absl::StrCat("deleted, as it ended more than ",
                   absl::FormatDuration(keep), " ago (lockstepd --keep-jobs)");
  for (size_t i = 0; i < kMostAtOnce && !state.too_old.empty(); ++i) {
    const auto found = state.jobs.find(state.too_old.back());
    state.too_old.pop_back();
    // A user may have been faster, and the name another job's.
    if (found == state.jobs.end()) continue;
    if (!IsOld(decision, found->second, keep)) continue;
    decision.Delete(found->second, why);
  }
}

}  // namespace lockstep
