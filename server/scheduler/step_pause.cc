// A user's wish that a job hold, and that it go on. What runs is stopped with a
// checkpoint; Job.desired says what follows when it has (step_end.cc).

#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/job_state.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

// The job, unless it has ended or is about to for good.
absl::StatusOr<JobEntry*> FindGoing(Decision& decision, const std::string& name,
                                    const std::string& etag,
                                    absl::string_view verb) {
  absl::StatusOr<JobEntry*> found = decision.FindToChange(name, etag);
  if (!found.ok()) return found;
  const v1::Job& job = (*found)->job();
  if (!IsTerminal(job.state()) && job.desired() != v1::Job::CANCEL) {
    return found;
  }
  return errors::Error(
      absl::StatusCode::kFailedPrecondition, "JOB_ENDED",
      absl::StrCat(job.name(), " is ", StateName(job.state()),
                   "; a job that has ended, or is being cancelled, cannot be ",
                   verb),
      {{"name", job.name()}, {"state", std::string(StateName(job.state()))}});
}

void Pause(Decision& decision, JobEntry& entry) {
  entry.record.MutableJob().set_desired(v1::Job::PAUSE);
  switch (entry.job().state()) {
    case v1::Job::PREPARING:
      decision.SetState(entry, v1::Job::PAUSING, v1::Event::INFO,
                        "paused by a user; prepare is being stopped");
      StopPrepare(decision, entry);
      break;
    case v1::Job::STARTING:
    case v1::Job::RUNNING:
      decision.SetState(entry, v1::Job::PAUSING, v1::Event::INFO,
                        "paused by a user; the ranks write a checkpoint");
      // One that is being stopped already goes on with that.
      if (LiveAttemptOf(entry.job())->state() != v1::Attempt::DRAINING) {
        StopWithCheckpoint(decision, entry,
                           {v1::Attempt::PAUSED, "paused by a user", ""});
      }
      break;
    case v1::Job::PAUSING:
      // It was to go on once it had stopped.
      decision.Record(entry, v1::Event::INFO, "PAUSED_AGAIN",
                      "paused by a user; it holds once it has stopped");
      break;
    default:
      decision.SetState(entry, v1::Job::PAUSED, v1::Event::INFO,
                        "paused by a user while nothing of it ran");
  }
}

void Resume(Decision& decision, JobEntry& entry) {
  entry.record.MutableJob().set_desired(v1::Job::RUN);
  if (entry.job().state() == v1::Job::PAUSED) {
    // Whatever it waited out before, or for whom it gave way.
    entry.not_before = absl::ZeroDuration();
    if (auto* process = MutableProcess(entry, entry.job().attempt())) {
      process->clear_taken_by();
    }
    decision.SetState(entry, v1::Job::QUEUED, v1::Event::INFO,
                      "resumed by a user");
  } else {
    decision.Record(entry, v1::Event::INFO, "RESUMED",
                    "resumed by a user; it waits again once it has stopped");
  }
}

}  // namespace

void OnPause(Decision& decision, const PauseEvent& event) {
  absl::StatusOr<JobEntry*> found =
      FindGoing(decision, event.name, event.etag, "paused");
  if (!found.ok()) {
    decision.Do(ReplyEffect{event.ticket, found.status()});
    return;
  }
  decision.ReplyWithJob(event.ticket, event.name);
  if ((*found)->job().desired() != v1::Job::PAUSE) Pause(decision, **found);
}

void OnResume(Decision& decision, const ResumeEvent& event) {
  absl::StatusOr<JobEntry*> found =
      FindGoing(decision, event.name, event.etag, "resumed");
  if (!found.ok()) {
    decision.Do(ReplyEffect{event.ticket, found.status()});
    return;
  }
  decision.ReplyWithJob(event.ticket, event.name);
  if ((*found)->job().desired() == v1::Job::PAUSE) Resume(decision, **found);
}

}  // namespace lockstep
