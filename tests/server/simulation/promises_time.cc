// Promises: where the time of jobs goes, how often they fail in it, and which
// of them stand still.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/scheduler/attempt_end.h"
#include "server/scheduler/proto_time.h"
#include "tests/server/simulation/promises.h"
#include "tests/server/simulation/simulated_host.h"

namespace lockstep::testing {

void Promises::CheckTime(const server::JobRecord& row) {
  const v1::Job& job = row.job();
  absl::Duration sum;
  for (const v1::Goodput::Share& share : job.goodput().shares()) {
    const absl::Duration wall = FromProto(share.wall());
    if (wall < absl::ZeroDuration() || share.device_seconds() < 0) {
      Break("P4", absl::StrCat(job.name(), ": a share is below nothing: ",
                               share.ShortDebugString()));
    }
    sum += wall;
  }
  const absl::Duration age =
      FromProto(job.has_end_time() ? job.end_time() : job.update_time()) -
      FromProto(job.create_time());
  if (sum == age) return;
  Break("P4", absl::StrCat(job.name(), ": of ", absl::FormatDuration(age), " ",
                           absl::FormatDuration(age - sum), " is in no share: ",
                           job.goodput().ShortDebugString()));
}

void Promises::CheckHour(const v1::Job& started) {
  const v1::Attempt& newest = *started.attempts().rbegin();
  int failed = 0;
  int within_an_hour = 0;
  for (const v1::Attempt& attempt : started.attempts()) {
    if (&attempt == &newest || WasAskedToStop(attempt.end_cause())) continue;
    const absl::Duration before =
        FromProto(newest.start_time()) - FromProto(attempt.start_time());
    ++failed;
    if (before < absl::Hours(1)) ++within_an_hour;
  }
  if (pause_asked_.contains(started.name())) return;
  if (within_an_hour >= kStartsPerHour) {
    Break("P3", absl::StrCat(newest.name(), " starts, and ", within_an_hour,
                             " that failed began within the hour before"));
  }
  if (failed >= kStartsPerHour) ++waited_for_the_hour_;
}

bool Promises::HasStood(const v1::Job& job) const {
  return std::any_of(host_->processes().begin(), host_->processes().end(),
                     [&](const auto& process) {
                       return process->request.job_uid == job.uid() &&
                              process->attempt().attempt == job.attempt() &&
                              process->has_stood;
                     });
}

}  // namespace lockstep::testing
