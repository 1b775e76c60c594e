// A user's wish that a job that has ended be forgotten.

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/job_state.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

absl::Status NotEnded(const v1::Job& job, const std::string& why) {
  return errors::Error(
      absl::StatusCode::kFailedPrecondition, "JOB_NOT_ENDED",
      absl::StrCat(job.name(), " ", why),
      {{"name", job.name()}, {"state", std::string(StateName(job.state()))}});
}

// Files of a process that lives must not go away under it, and what is told of
// it must not be taken for a word on a later job of the same name.
absl::Status CheckEnded(const JobEntry& entry) {
  const v1::Job& job = entry.job();
  if (!IsTerminal(job.state())) {
    return NotEnded(job, absl::StrCat("is ", StateName(job.state()),
                                      "; only a job that has ended can be "
                                      "deleted: cancel it first"));
  }
  if (entry.launching.empty() && entry.watched.empty()) return absl::OkStatus();
  return NotEnded(job, "has ended, but a process of it has not; try again");
}

}  // namespace

void OnDelete(Decision& decision, const DeleteEvent& event) {
  absl::StatusOr<JobEntry*> found =
      decision.FindToChange(event.name, event.etag);
  if (!found.ok()) {
    decision.Do(ReplyEffect{event.ticket, found.status()});
    return;
  }
  JobEntry& entry = **found;
  if (absl::Status ended = CheckEnded(entry); !ended.ok()) {
    decision.Do(ReplyEffect{event.ticket, std::move(ended)});
    return;
  }
  decision.Do(ReplyEffect{event.ticket, JobOf(entry.record.Share())});
  decision.Delete(entry, "deleted");
}

}  // namespace lockstep
