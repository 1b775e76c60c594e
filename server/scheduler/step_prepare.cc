// `lockstep-worker prepare`: from QUEUED over PREPARING back to QUEUED, with a
// plan, or to FAILED with the reason.

#include <string.h>

#include "absl/strings/str_cat.h"
#include "proto/contract/end_cause.h"
#include "proto/contract/exit_code.h"
#include "proto/contract/job_state.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

void Fail(Decision& decision, JobEntry& entry, const v1::JobError& error) {
  *entry.record.MutableJob().mutable_error() = error;
  decision.SetState(entry, v1::Job::FAILED, v1::Event::ERROR,
                    absl::StrCat(error.reason(), ": ", error.message()));
}

std::string HowItEnded(const ProcessEnd& end) {
  if (end.signal != 0) {
    return absl::StrCat("by signal ", end.signal, " (", strsignal(end.signal),
                        ")");
  }
  return absl::StrCat("with exit code ", end.exit_code);
}

std::string InWords(const v1::Plan& plan) {
  return absl::StrCat("prepared: ", plan.rows(), " rows, ", plan.tokens(),
                      " tokens (", plan.trained_tokens(), " trained), ",
                      plan.steps(), " steps");
}

// Its end is not known, or had nothing to do with the input.
bool MayPass(const ProcessEnd& end) {
  return end.signal == 0 &&
         (end.exit_code == kOk || end.exit_code == kCoordinatorLost ||
          end.exit_code == kSuperseded);
}

void OnPrepareStopped(Decision& decision, JobEntry& entry) {
  if (entry.job().state() == v1::Job::CANCELLING) {
    decision.SetState(entry, v1::Job::CANCELLED, v1::Event::INFO,
                      "prepare was stopped");
  } else if (entry.job().state() == v1::Job::PAUSING) {
    const bool holds = entry.job().desired() == v1::Job::PAUSE;
    decision.SetState(entry, holds ? v1::Job::PAUSED : v1::Job::QUEUED,
                      v1::Event::INFO,
                      "prepare was stopped; it is done again later");
  }
}

// Whether the job still waited for its word; one that was being stopped has
// stopped.
bool PrepareIsGone(Decision& decision, JobEntry& entry) {
  if (server::ProcessRecord* process = MutableProcess(entry, 0);
      process != nullptr && !process->ended()) {
    process->set_ended(true);
    decision.Touch(entry);
  }
  decision.Do(CloseEffect{{entry.job().name(), 0}});
  if (LiveAttemptOf(entry.job()) == nullptr) OnPrepareStopped(decision, entry);
  return entry.job().state() == v1::Job::PREPARING;
}

}  // namespace

void StartPrepare(Decision& decision, JobEntry& entry) {
  const AttemptRef ref{entry.job().name(), 0};
  const std::string token =
      decision.Unpredictable(absl::StrCat("token of ", ref.job, " prepare"));
  server::ProcessRecord* process = MutableProcess(entry, 0);
  if (process == nullptr) process = entry.record.Mutable().add_processes();
  process->Clear();
  process->set_token_sha256(TokenDigest(token));
  decision.SetState(entry, v1::Job::PREPARING, v1::Event::INFO,
                    "reading model, tokenizer and data");
  decision.Do(PutTokenEffect{process->token_sha256(), ref});
  decision.Launch(entry, {.attempt = ref,
                          .job_uid = entry.job().uid(),
                          .spec = entry.job().spec(),
                          .token = token,
                          .ranks = {}});
}

void OnPrepared(Decision& decision, const PreparedEvent& event) {
  absl::StatusOr<JobEntry*> found = decision.Find(event.report.caller().job());
  absl::Status status = found.status();
  if (status.ok() && !event.report.has_plan() && !event.report.has_error()) {
    status = absl::InvalidArgumentError(
        "plan, error: neither is set; exactly one of them is");
  }
  decision.Ack(event.ticket, status);
  if (!status.ok()) return;
  JobEntry& entry = **found;
  // Stopped meanwhile, or a repeated call: nothing is left to be done.
  if (entry.job().state() != v1::Job::PREPARING) return;
  if (event.report.has_error()) {
    Fail(decision, entry, event.report.error());
    return;
  }
  *entry.record.MutableJob().mutable_plan() = event.report.plan();
  for (const std::string& warning : event.report.plan().warnings()) {
    decision.Record(entry, v1::Event::WARNING, "INPUT_WARNING", warning);
  }
  decision.SetState(entry, v1::Job::QUEUED, v1::Event::INFO,
                    InWords(event.report.plan()));
}

void OnPrepareLaunchFailed(Decision& decision, JobEntry& entry,
                           const absl::Status& why) {
  if (!PrepareIsGone(decision, entry)) return;
  v1::JobError error;
  error.set_reason(std::string(EndCauseName(v1::Attempt::ENGINE_ERROR)));
  error.set_message(absl::StrCat("prepare cannot be started: ", why.message()));
  Fail(decision, entry, error);
}

void OnPrepareEnd(Decision& decision, JobEntry& entry, const ProcessEnd& end) {
  if (!PrepareIsGone(decision, entry)) return;
  if (MayPass(end) &&
      ++entry.lost_prepares < decision.options().prepare_tries) {
    decision.SetState(entry, v1::Job::QUEUED, v1::Event::WARNING,
                      "prepare ended without a report; it is done again");
    return;
  }
  v1::JobError error;
  v1::Attempt::EndCause cause = CauseOfExit(end.exit_code, end.signal);
  if (cause == v1::Attempt::SUCCESS) cause = v1::Attempt::LOST;
  error.set_reason(std::string(EndCauseName(cause)));
  error.set_message(absl::StrCat("prepare ended ", HowItEnded(end),
                                 " without a report; its log says more"));
  Fail(decision, entry, error);
}

}  // namespace lockstep
