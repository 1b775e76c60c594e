// A user's wish that a job stop for good.

#include "proto/contract/job_state.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {

void OnCancel(Decision& decision, const CancelEvent& event) {
  absl::StatusOr<JobEntry*> found =
      decision.FindToChange(event.name, event.etag);
  if (!found.ok()) {
    decision.Do(ReplyEffect{event.ticket, found.status()});
    return;
  }
  JobEntry& entry = **found;
  decision.ReplyWithJob(event.ticket, event.name);
  if (IsTerminal(entry.job().state()) ||
      entry.job().desired() == v1::Job::CANCEL) {
    return;
  }

  entry.record.MutableJob().set_desired(v1::Job::CANCEL);
  switch (entry.job().state()) {
    case v1::Job::PREPARING:
      decision.SetState(entry, v1::Job::CANCELLING, v1::Event::INFO,
                        "cancelled; prepare is being stopped");
      StopPrepare(decision, entry);
      break;
    case v1::Job::STARTING:
    case v1::Job::RUNNING:
    case v1::Job::PAUSING:
      decision.SetState(entry, v1::Job::CANCELLING, v1::Event::INFO,
                        LiveAttemptOf(entry.job()) == nullptr
                            ? "cancelled; prepare is being stopped"
                            : "cancelled; ranks are being stopped");
      StopAttempt(decision, entry);
      break;
    default:
      decision.SetState(entry, v1::Job::CANCELLED, v1::Event::INFO,
                        entry.job().attempt() == 0
                            ? "cancelled before it ran"
                            : "cancelled while nothing of it ran");
  }
}

}  // namespace lockstep
