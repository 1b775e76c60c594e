// The end of an attempt: its one cause, and what the job does next.

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/contract/end_cause.h"
#include "proto/contract/job_state.h"
#include "proto/contract/queue.h"
#include "server/scheduler/attempt_end.h"
#include "server/scheduler/proto_time.h"
#include "server/scheduler/retry_policy.h"
#include "server/scheduler/step_parts.h"
#include "server/store/goodput.h"

namespace lockstep {
namespace {

void MarkProcessEnded(Decision& decision, JobEntry& entry, int attempt) {
  server::ProcessRecord* process = MutableProcess(entry, attempt);
  if (process == nullptr || process->ended()) return;
  process->set_ended(true);
  decision.Touch(entry);
}

void Retry(Decision& decision, JobEntry& entry, const AttemptEnd& why,
           const RetryDecision& retry) {
  v1::Job& job = entry.record.MutableJob();
  entry.not_before = decision.now() + retry.backoff;
  const std::string since =
      retry.too_often
          ? absl::StrCat(", as only ", decision.options().starts_per_hour,
                         " that fail may begin within an hour")
          : "";
  const absl::Duration shown =
      absl::Ceil(retry.backoff, absl::Milliseconds(100));
  decision.SetState(entry, v1::Job::QUEUED, v1::Event::WARNING,
                    absl::StrCat(why.message, "; next attempt in ",
                                 absl::FormatDuration(shown), since));
  const absl::Time at = decision.wall() + retry.backoff;
  *entry.record.Mutable().mutable_not_before() = ToProto(at);
  job.set_pending_reason(v1::Job::BACKOFF);
  job.set_pending_message(
      absl::StrCat("attempt ", job.attempt(), " failed: ", why.message,
                   "; the next starts ", ClockText(at), since));
}

void Fail(Decision& decision, JobEntry& entry, const AttemptEnd& why,
          const std::string& refusal) {
  v1::JobError& error = *entry.record.MutableJob().mutable_error();
  error.set_reason(std::string(EndCauseName(why.cause)));
  error.set_message(refusal.empty()
                        ? why.message
                        : absl::StrCat(why.message, " (", refusal, ")"));
  decision.SetState(entry, v1::Job::FAILED, v1::Event::ERROR,
                    absl::StrCat(error.reason(), ": ", error.message()));
}

// It waits for devices again, or holds when a user wants it to.
void WaitOrHold(Decision& decision, JobEntry& entry, const AttemptEnd& why,
                v1::Event::Severity severity) {
  const v1::Job& job = entry.job();
  const bool resumes =
      job.spec().checkpoint().resume() != v1::CheckpointSpec::RESUME_NEVER;
  const int64_t step = resumes ? entry.newest_checkpoint.step() : 0;
  const bool holds = job.desired() == v1::Job::PAUSE;
  decision.SetState(
      entry, holds ? v1::Job::PAUSED : v1::Job::QUEUED, severity,
      absl::StrCat(why.message, "; the next attempt ",
                   step > 0 ? absl::StrCat("goes on from step ", step)
                            : "starts from the beginning"));
}

void RetryOrFail(Decision& decision, JobEntry& entry, const AttemptEnd& why) {
  v1::Job& job = entry.record.MutableJob();
  if (CountsAgainstMaxRestarts(why.cause)) job.set_restarts(job.restarts() + 1);
  const RetryDecision retry = DecideRetry(job, entry.newest_checkpoint.step(),
                                          decision.wall(), decision.options());
  if (!retry.retry) {
    Fail(decision, entry, why, retry.refusal);
  } else if (job.desired() == v1::Job::PAUSE) {
    WaitOrHold(decision, entry, why, v1::Event::WARNING);
  } else {
    Retry(decision, entry, why, retry);
  }
}

void Conclude(Decision& decision, JobEntry& entry, const AttemptEnd& why) {
  switch (NextJobState(why.cause)) {
    case v1::Job::SUCCEEDED:
      decision.SetState(entry, v1::Job::SUCCEEDED, v1::Event::INFO,
                        why.message);
      break;
    case v1::Job::CANCELLED:
      decision.SetState(entry, v1::Job::CANCELLED, v1::Event::INFO,
                        why.message);
      break;
    case v1::Job::FAILED:
      Fail(decision, entry, why, /*refusal=*/"");
      break;
    default:
      if (WasAskedToStop(why.cause)) {
        WaitOrHold(decision, entry, why, v1::Event::INFO);
      } else if (!why.another_may_help) {
        Fail(decision, entry, why, /*refusal=*/"");
      } else {
        RetryOrFail(decision, entry, why);
      }
  }
}

// The receipt of a stop that waited for a checkpoint: what it left.
std::string WithReceipt(const JobEntry& entry, const AttemptEnd& why) {
  const v1::Checkpoint& newest = entry.newest_checkpoint;
  const bool stopped =
      entry.live.order.has_value() && entry.live.order->cause == why.cause;
  if (!stopped || newest.attempt() != entry.job().attempt()) return why.message;
  return absl::StrCat(why.message, "; its newest checkpoint is of step ",
                      newest.step());
}

// Those that said so of their GPUs, whatever the attempt ended with.
std::set<int> FaultyRanks(const LiveAttempt& live, const AttemptEnd& why) {
  std::set<int> ranks;
  for (const auto& [rank, failure] : live.failures) {
    if (failure.cause() == v1::Attempt::GPU_FAULT) ranks.insert(rank);
  }
  if (why.cause == v1::Attempt::GPU_FAULT && why.rank >= 0) {
    ranks.insert(why.rank);
  }
  return ranks;
}

// Their devices are given to no job any more.
void ExcludeDevices(Decision& decision, JobEntry& entry,
                    const v1::Attempt& attempt, const std::set<int>& ranks) {
  std::set<std::string> devices;
  for (const v1::RankPlacement& rank : attempt.ranks()) {
    if (ranks.contains(rank.rank())) devices.insert(rank.device());
  }
  for (const std::string& device : devices) {
    ExcludeAfterFault(decision, entry, device);
    decision.Record(entry, v1::Event::WARNING, "DEVICE_EXCLUDED",
                    absl::StrCat(device,
                                 " is given to no job until `lockstep "
                                 "nodes undrain ",
                                 device, "`"),
                    entry.job().attempt());
  }
}

// An engine, which places whole hosts, is asked for others by the next attempts
// of the job.
void AvoidNodes(Decision& decision, JobEntry& entry,
                const std::set<std::string>& nodes) {
  server::ProcessRecord& process =
      *MutableProcess(entry, entry.job().attempt());
  const std::set<std::string> known(process.avoid_nodes().begin(),
                                    process.avoid_nodes().end());
  for (const std::string& node : nodes) {
    if (!known.contains(node)) process.add_avoid_nodes(node);
    decision.Record(
        entry, v1::Event::WARNING, "NODE_AVOIDED",
        absl::StrCat("the next attempts of the job avoid node ", node),
        entry.job().attempt());
  }
}

// With what supervisors told of ranks whose files nobody can read.
ProcessEnd Whole(const JobEntry& entry, ProcessEnd end) {
  for (const auto& [rank, process] : entry.live.ended) {
    const bool known =
        std::any_of(end.ranks.begin(), end.ranks.end(),
                    [rank = rank](const worker::v1::RankProcess& other) {
                      return other.rank() == rank;
                    });
    if (!known) end.ranks.push_back(process);
  }
  return end;
}

}  // namespace

void OnProcessEnd(Decision& decision, const ProcessEndEvent& event) {
  const AttemptRef& ref = event.end.attempt;
  absl::StatusOr<JobEntry*> found = decision.Find(ref.job);
  if (!found.ok()) return;
  JobEntry& entry = **found;
  entry.watched.erase(ref.attempt);
  if (ref.attempt == 0) {
    OnPrepareEnd(decision, entry, event.end);
  } else if (LiveAttemptOf(entry.job()) != nullptr &&
             entry.job().attempt() == ref.attempt) {
    EndAttempt(decision, entry, event.end);
  } else {
    MarkProcessEnded(decision, entry, ref.attempt);
  }
}

void EndAttempt(Decision& decision, JobEntry& entry, const ProcessEnd& told) {
  const ProcessEnd end = Whole(entry, told);
  ChargeQueue(decision, QueueOf(entry.job()));
  v1::Attempt& attempt = *MutableLiveAttempt(entry);
  const AttemptEnd why = WhyEnded(entry.job(), entry.live, end);
  attempt.set_state(v1::Attempt::ENDED);
  attempt.set_end_cause(why.cause);
  attempt.set_end_message(WithReceipt(entry, why));
  *attempt.mutable_end_time() = ToProto(decision.wall());
  attempt.clear_engine_message();
  const std::set<int> faulty = FaultyRanks(entry.live, why);
  const std::set<std::string> avoided =
      NodesToAvoid(attempt, entry.live, end, why.cause, faulty);
  entry.live = LiveAttempt();
  MarkProcessEnded(decision, entry, end.attempt.attempt);
  decision.state().live.erase(entry.job().name());
  decision.state().pool.Release(entry.job().name());
  const bool wanted = why.cause == v1::Attempt::SUCCESS ||
                      why.cause == v1::Attempt::CANCELLED ||
                      WasAskedToStop(why.cause);
  decision.Record(
      entry, wanted ? v1::Event::INFO : v1::Event::ERROR, "ATTEMPT_ENDED",
      absl::StrCat(attempt.name(), " ended: ", EndCauseName(why.cause), ": ",
                   attempt.end_message()),
      end.attempt.attempt);
  if (decision.state().pool.IsOfEngine()) {
    AvoidNodes(decision, entry, avoided);
  } else {
    ExcludeDevices(decision, entry, attempt, faulty);
  }
  decision.Do(CloseEffect{end.attempt});
  Conclude(decision, entry, why);
  EndAttemptAccount(entry.record.Mutable(), why.cause,
                    /*goes_on=*/!IsTerminal(entry.job().state()),
                    decision.wall());
}

}  // namespace lockstep
