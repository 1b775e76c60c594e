// ProcessLife: what ranks do to checkpoints, in time, late, or when their
// attempt has long ended.

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "tests/server/simulation/process_life.h"

namespace lockstep::testing {

void ProcessLife::Checkpoint(const Process& process,
                             SimulatedCoordinator& coordinator) {
  const v1::Job* job = JobOf(promises_, process->request);
  if (job != nullptr && process->attempt().attempt <= job->attempts_size()) {
    process->step =
        std::max(process->step,
                 job->attempts(process->attempt().attempt - 1).resume_step());
  }
  process->step += 1 + chance_.Below(4);
  const int64_t step = process->step;
  if (!chance_.OneIn(4)) return Commit(process->request, step, coordinator);
  // Made twice, as after a deadline; the first arrives whenever it does.
  late_.push_back({process->request, [this, from = process->request,
                                      step](SimulatedCoordinator& then) {
                     Commit(from, step, then);
                   }});
  if (chance_.OneIn(2)) Commit(process->request, step, coordinator);
}

// As a rank that keeps few.
void ProcessLife::Unlist(const Process& process,
                         SimulatedCoordinator& coordinator) {
  CheckpointEvent event{.caller = CallerOf(process->request, 0)};
  event.phase = worker::v1::CommitCheckpointRequest::PHASE_UNLIST;
  const std::set<int64_t>& steps = promises_.Steps(process->request.job_uid);
  if (steps.empty()) return;
  const int index = chance_.Below(static_cast<int>(steps.size()));
  event.checkpoint.set_step(*std::next(steps.begin(), index));
  coordinator.PostCall(std::move(event),
                       Scheduler::Ack([](const absl::Status&) {}));
}

void ProcessLife::Commit(const LaunchRequest& from, int64_t step,
                         SimulatedCoordinator& coordinator) {
  const int attempt = from.attempt.attempt;
  CheckpointEvent event{.caller = CallerOf(from, 0)};
  const bool commit = !chance_.OneIn(4);
  event.phase = commit ? worker::v1::CommitCheckpointRequest::PHASE_COMMIT
                       : worker::v1::CommitCheckpointRequest::PHASE_GRANT;
  event.checkpoint.set_step(step);
  event.checkpoint.set_path(CheckpointPath(from.job_uid, attempt));
  event.checkpoint.set_manifest_sha256(std::string(64, 'a'));
  if (coordinator.LetsStrangersIn()) {
    const v1::Job* job = JobOf(promises_, from);
    if (job != nullptr) event.caller.set_attempt(job->attempt());
  }
  coordinator.PostCall(std::move(event),
                       Scheduler::Ack([this, uid = from.job_uid, attempt, step,
                                       commit](const absl::Status& status) {
                         if (status.ok() && commit) {
                           promises_.CheckpointCommitted(uid, attempt, step);
                         }
                       }));
}

void ProcessLife::DeliverLate(SimulatedCoordinator* coordinator) {
  if (coordinator == nullptr || late_.empty()) return;
  const Late late = std::move(late_.front());
  late_.pop_front();
  if (JobOf(promises_, late.from) != nullptr) late.call(*coordinator);
}

void ProcessLife::StrangerCalls(SimulatedCoordinator* coordinator) {
  if (coordinator == nullptr || strangers_.empty()) return;
  Stranger& stranger =
      strangers_[chance_.Below(static_cast<int>(strangers_.size()))];
  // Its token is worth nothing once its end is decided.
  if (!coordinator->Admits(stranger.request)) return;
  Commit(stranger.request, ++stranger.step, *coordinator);
}

}  // namespace lockstep::testing
