#include "server/scheduler/retry_policy.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "proto/contract/end_cause.h"
#include "server/scheduler/attempt_end.h"
#include "server/scheduler/proto_time.h"

namespace lockstep {
namespace {

struct Failures {
  int in_a_row = 0;          // Without progress, of any cause.
  int counted = 0;           // Against max_restarts, since the last progress.
  int without_progress = 0;  // Of the counted ones.
};

Failures CountFailures(const v1::Job& job, int64_t newest_step) {
  Failures failures;
  const bool resumes =
      job.spec().checkpoint().resume() != v1::CheckpointSpec::RESUME_NEVER;
  int64_t step_after = newest_step;
  for (int i = job.attempts_size() - 1; i >= 0; --i) {
    const v1::Attempt& attempt = job.attempts(i);
    const bool progressed = resumes && step_after > attempt.resume_step();
    const bool counts = CountsAgainstMaxRestarts(attempt.end_cause());
    failures.counted += counts ? 1 : 0;
    if (progressed) break;
    failures.in_a_row += WasAskedToStop(attempt.end_cause()) ? 0 : 1;
    failures.without_progress += counts ? 1 : 0;
    step_after = attempt.resume_step();
  }
  return failures;
}

// Until fewer attempts that failed have begun within an hour than may.
absl::Duration TimeToNextStart(const v1::Job& job, absl::Time wall,
                               const SchedulerOptions& options) {
  int left = options.starts_per_hour;
  for (int i = job.attempts_size() - 1; i >= 0; --i) {
    const v1::Attempt& attempt = job.attempts(i);
    if (WasAskedToStop(attempt.end_cause()) || --left > 0) continue;
    const absl::Duration age = wall - FromProto(attempt.start_time());
    // The wall may have been set back since.
    return std::clamp(absl::Hours(1) - age, absl::ZeroDuration(),
                      absl::Hours(1));
  }
  return absl::ZeroDuration();
}

}  // namespace

RetryDecision DecideRetry(const v1::Job& job, int64_t newest_step,
                          absl::Time wall, const SchedulerOptions& options) {
  const Failures failures = CountFailures(job, newest_step);
  RetryDecision decision;
  if (failures.counted > job.spec().max_restarts()) {
    decision.refusal = absl::StrCat("max_restarts: ", job.spec().max_restarts(),
                                    " allows no other attempt");
    return decision;
  }
  if (failures.without_progress >= options.attempts_without_progress) {
    decision.refusal = absl::StrCat(failures.without_progress,
                                    " attempts in a row failed without a new "
                                    "checkpoint");
    return decision;
  }
  decision.retry = true;
  decision.backoff = options.first_backoff;
  for (int i = 1; i < failures.in_a_row; ++i) {
    decision.backoff = std::min(decision.backoff * 2, options.longest_backoff);
  }
  const absl::Duration next = TimeToNextStart(job, wall, options);
  decision.too_often = next > decision.backoff;
  if (decision.too_often) decision.backoff = next;
  return decision;
}

}  // namespace lockstep
