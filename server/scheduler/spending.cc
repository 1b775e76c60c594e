#include "server/scheduler/spending.h"

#include "proto/contract/end_cause.h"
#include "proto/contract/job_state.h"
#include "server/scheduler/scheduler_state.h"

namespace lockstep {
namespace {

bool IsOfAttempts(v1::Goodput::Class what) {
  return what == v1::Goodput::START || what == v1::Goodput::TRAIN ||
         what == v1::Goodput::CHECKPOINT || what == v1::Goodput::EVALUATE ||
         what == v1::Goodput::EXPORT;
}

std::string WhyStarted(const v1::Job& job) {
  const int attempts = job.attempts_size();
  return attempts < 2 ? "SUBMITTED"
                      : std::string(EndCauseName(
                            job.attempts(attempts - 2).end_cause()));
}

std::string WhyQueued(const v1::Job& job) {
  return job.pending_reason() == v1::Job::PENDING_REASON_UNSPECIFIED
             ? ""
             : v1::Job::PendingReason_Name(job.pending_reason());
}

// It has slots, and no engine has begun to start it.
bool WaitsInEngine(const server::JobRecord& record) {
  for (const server::ProcessRecord& process : record.processes()) {
    if (process.attempt() == record.job().attempt()) {
      return process.slots_size() > 0 && !process.has_engine_start_time();
    }
  }
  return false;
}

}  // namespace

Spending SpendingOf(const server::JobRecord& record) {
  const v1::Job& job = record.job();
  const server::TimeAccount& account = record.time_account();
  if (IsTerminal(job.state())) return {};
  if (const v1::Attempt* attempt = LiveAttemptOf(job)) {
    if (WaitsInEngine(record)) return {v1::Goodput::QUEUE, "SLURM"};
    if (IsOfAttempts(account.class_())) {
      return {account.class_(), account.cause(), account.devices()};
    }
    return {v1::Goodput::START, WhyStarted(job), attempt->ranks_size()};
  }
  switch (job.state()) {
    case v1::Job::QUEUED:
      return {v1::Goodput::QUEUE, WhyQueued(job)};
    case v1::Job::PAUSED:
      return {v1::Goodput::QUEUE, "PAUSED"};
    default:
      // Being prepared, or stopped while it is.
      return {v1::Goodput::PREPARE, ""};
  }
}

Spending SpendingIn(const server::JobRecord& record, worker::v1::Phase phase,
                    int64_t step) {
  const server::TimeAccount& account = record.time_account();
  const int devices = account.devices();
  const bool began = account.class_() != v1::Goodput::START ||
                     (account.trains() && step > account.step());
  switch (phase) {
    case worker::v1::PHASE_TRAINING:
      if (began) return {v1::Goodput::TRAIN, "", devices};
      break;
    case worker::v1::PHASE_EVALUATING:
      return {v1::Goodput::EVALUATE, "", devices};
    case worker::v1::PHASE_SAVING:
      return {v1::Goodput::CHECKPOINT, "", devices};
    case worker::v1::PHASE_EXPORTING:
      return {v1::Goodput::EXPORT, "", devices};
    default:
      break;
  }
  return SpendingOf(record);
}

}  // namespace lockstep
