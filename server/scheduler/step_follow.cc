// Jobs that follow others (spec.after): what the end of one means for those
// that wait for it, in the same decision, so that none is forgotten by a crash.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/contract/job_state.h"
#include "server/scheduler/dependencies.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

// One less to wait for.
void GoOn(Decision& decision, JobEntry& entry, const std::string& succeeded) {
  const bool queued = entry.job().state() == v1::Job::QUEUED;
  if (queued) Dequeue(decision.state(), entry);
  auto& waits_for = *entry.record.Mutable().mutable_waits_for();
  waits_for.erase(std::remove(waits_for.begin(), waits_for.end(), succeeded),
                  waits_for.end());
  decision.Record(entry, v1::Event::INFO, "DEPENDENCY_MET",
                  absl::StrCat(succeeded, " has succeeded"));
  if (!queued) return;
  Enqueue(decision.state(), entry);
  decision.SayWhyUnprepared(entry);
  decision.state().schedule = true;
}

void GiveUp(Decision& decision, JobEntry& entry, const v1::Job& ended) {
  v1::JobError& error = *entry.record.MutableJob().mutable_error();
  error.set_reason("DEPENDENCY_FAILED");
  error.set_message(absl::StrCat("after: ", ended.name(), " is ",
                                 StateName(ended.state()),
                                 " and did not succeed"));
  decision.SetState(entry, v1::Job::FAILED, v1::Event::ERROR,
                    absl::StrCat(error.reason(), ": ", error.message()));
}

}  // namespace

void TellFollowers(Decision& decision) {
  SchedulerState& state = decision.state();
  // The end of one may be the end of others.
  while (const std::optional<std::string> name = decision.TakeEnded()) {
    const auto followers = state.followers.extract(*name);
    if (followers.empty()) continue;
    const v1::Job& ended = state.jobs.at(*name).job();
    for (const std::string& follower : followers.mapped()) {
      JobEntry& entry = state.jobs.at(follower);
      if (ended.state() == v1::Job::SUCCEEDED) {
        GoOn(decision, entry, *name);
      } else {
        GiveUp(decision, entry, ended);
      }
    }
  }
}

}  // namespace lockstep
