// A user's wish that a job stop for good.

#include "absl/strings/str_cat.h"
#include "proto/contract/job_state.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {

void OnCancel(Decision& decision, const CancelEvent& event) {
  absl::StatusOr<JobEntry*> found = decision.Find(event.name, event.etag);
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
      // It writes nothing but a cache that is keyed by content.
      decision.Do(CloseEffect{{event.name, 0}});
      decision.Do(SignalEffect{{event.name, 0}, /*kill=*/true});
      break;
    case v1::Job::STARTING:
    case v1::Job::RUNNING:
    case v1::Job::PAUSING:
      decision.SetState(entry, v1::Job::CANCELLING, v1::Event::INFO,
                        "cancelled; ranks are being stopped");
      StopAttempt(decision, entry);
      break;
    default:
      decision.SetState(entry, v1::Job::CANCELLED, v1::Event::INFO,
                        "cancelled before it ran");
  }
}

void StopAttempt(Decision& decision, JobEntry& entry) {
  v1::Attempt* attempt = MutableLiveAttempt(entry);
  if (attempt == nullptr) return;
  attempt->set_state(v1::Attempt::DRAINING);
  decision.Touch(entry);
  const AttemptRef ref{entry.job().name(), entry.job().attempt()};
  decision.Do(StopCommandEffect{ref});
  // Straight to the process as well: its supervisor may not be attached.
  decision.Do(SignalEffect{ref, /*kill=*/false});
  entry.live.kill_at = decision.now() + decision.options().stop_grace +
                       decision.options().kill_after_grace;
}

}  // namespace lockstep
