// After a restart: what lives is opened again, as the disk says, and what was
// being stopped is stopped again. Nothing is decided yet; the launcher says by
// events which processes are gone.

#include "proto/contract/job_state.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

void Reopen(Decision& decision, JobEntry& entry) {
  const v1::Job& job = entry.job();
  const v1::Attempt* attempt = LiveAttemptOf(job);
  for (const server::ProcessRecord& process : entry.record->processes()) {
    const AttemptRef ref{job.name(), process.attempt()};
    const bool prepares =
        process.attempt() == 0 && job.state() == v1::Job::PREPARING;
    const bool lives = attempt != nullptr && process.attempt() == job.attempt();
    if (process.ended() || (!prepares && !lives)) continue;
    decision.Do(PutTokenEffect{process.token_sha256(), ref});
    if (!lives) continue;
    decision.Do(OpenRendezvousEffect{
        ref, attempt->ranks_size(), process.joined(),
        process.slots_size() > 0 && !process.has_engine_start_time()});
  }
  if (attempt != nullptr && attempt->state() == v1::Attempt::DRAINING) {
    const std::optional<StopOrder> order = OrderOnDisk(entry);
    if (KillHungAgain(decision, entry)) return;
    if (StopLostAgain(decision, entry)) return;
    if (order.has_value() && job.desired() != v1::Job::CANCEL) {
      StopWithCheckpoint(decision, entry, *order);
    } else {
      StopAttempt(decision, entry);
    }
  } else if (attempt == nullptr && (job.state() == v1::Job::CANCELLING ||
                                    job.state() == v1::Job::PAUSING)) {
    decision.Do(SignalEffect{{job.name(), 0}, /*kill=*/true});
  }
}

}  // namespace

void OnRestore(Decision& decision) {
  for (auto& [name, entry] : decision.state().jobs) {
    if (!IsTerminal(entry.job().state())) Reopen(decision, entry);
  }
}

}  // namespace lockstep
