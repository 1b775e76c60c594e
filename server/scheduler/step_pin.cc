// A user's wish that a checkpoint stay, whatever the job's save_total_limit. It
// is kept here: a rank asks before it removes one.

#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/job_state.h"
#include "proto/contract/resource_name.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

absl::Status Pin(Decision& decision, const PinEvent& event) {
  absl::StatusOr<JobEntry*> found = decision.FindToChange(event.job);
  if (!found.ok()) return found.status();
  JobEntry& entry = **found;
  const v1::Job& job = entry.job();
  if (IsTerminal(job.state())) {
    return errors::Error(
        absl::StatusCode::kFailedPrecondition, "JOB_ENDED",
        absl::StrCat(job.name(), " is ", StateName(job.state()),
                     "; none of its checkpoints is removed any more"));
  }
  const auto listed = entry.listed.find(event.step);
  if (listed == entry.listed.end()) {
    return errors::CheckpointNotFound(
        CheckpointName(*JobIdFromName(event.job), event.step));
  }
  v1::Checkpoint& checkpoint = listed->second;
  if (checkpoint.pinned() == event.pinned) return absl::OkStatus();
  checkpoint.set_pinned(event.pinned);
  decision.List(checkpoint);
  decision.Record(
      entry, v1::Event::INFO,
      event.pinned ? "CHECKPOINT_PINNED" : "CHECKPOINT_UNPINNED",
      absl::StrCat("checkpoint of step ", event.step,
                   event.pinned ? " stays" : " may go when others are newer"));
  return absl::OkStatus();
}

}  // namespace

void OnPin(Decision& decision, const PinEvent& event) {
  decision.Ack(event.ticket, Pin(decision, event));
}

}  // namespace lockstep
