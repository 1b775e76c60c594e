// How what runs is brought to stop: at once, or with a checkpoint first. What a
// stop leads to is known when the processes are gone (step_end.cc), and their
// devices are free no sooner.

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

AttemptRef NewestAttempt(const JobEntry& entry) {
  return {entry.job().name(), entry.job().attempt()};
}

void GiveVerdict(JobEntry& entry, const std::string& message) {
  worker::v1::RankFailure& verdict = entry.live.verdict.emplace();
  verdict.set_cause(entry.live.order->cause);
  verdict.set_message(message);
}

}  // namespace

void StopPrepare(Decision& decision, const JobEntry& entry) {
  const AttemptRef prepare{entry.job().name(), 0};
  // It writes nothing but a cache that is keyed by content.
  decision.Do(CloseEffect{prepare});
  decision.Do(SignalEffect{prepare, /*kill=*/true});
}

void StopAttempt(Decision& decision, JobEntry& entry) {
  v1::Attempt* attempt = MutableLiveAttempt(entry);
  if (attempt == nullptr) return;
  attempt->set_state(v1::Attempt::DRAINING);
  decision.Touch(entry);
  decision.Do(StopCommandEffect{.attempt = NewestAttempt(entry),
                                .grace = decision.options().stop_grace});
  // Straight to the process as well: its supervisor may not be attached.
  decision.Do(SignalEffect{NewestAttempt(entry), /*kill=*/false});
  entry.live.kill_at = decision.now() + decision.options().stop_grace +
                       decision.options().kill_after_grace;
}

void StopWithCheckpoint(Decision& decision, JobEntry& entry, StopOrder order) {
  server::ProcessRecord& process =
      *MutableProcess(entry, entry.job().attempt());
  process.set_drained(true);
  process.set_stop_cause(order.cause);
  process.set_stop_reason(order.reason);
  process.set_taken_by(order.taker);
  decision.Touch(entry);
  const bool joined = process.joined();
  entry.live.order = std::move(order);
  if (!joined) {
    GiveVerdict(entry,
                absl::StrCat(entry.live.order->reason, " before it began"));
    StopAttempt(decision, entry);
    return;
  }
  MutableLiveAttempt(entry)->set_state(v1::Attempt::DRAINING);
  decision.Do(
      StopCommandEffect{.attempt = NewestAttempt(entry), .checkpoint = true});
  entry.live.kill_at = decision.now() + decision.options().drain_grace;
}

void StopAtTimeLimit(Decision& decision, JobEntry& entry) {
  if (decision.now() < entry.live.time_limit) return;
  entry.live.time_limit = absl::InfiniteDuration();
  // One that is being stopped already goes on with that.
  if (LiveAttemptOf(entry.job())->state() == v1::Attempt::DRAINING) return;
  const std::string reason =
      absl::StrCat("resources.timeout: the attempt took ",
                   absl::FormatDuration(TimeLimitOf(entry.job().spec())));
  StopWithCheckpoint(decision, entry, {v1::Attempt::TIME_LIMIT, reason, ""});
  decision.Record(entry, v1::Event::WARNING, "TIME_LIMIT_REACHED",
                  absl::StrCat(reason, "; the ranks stop"),
                  entry.job().attempt());
}

std::optional<StopOrder> OrderOnDisk(const JobEntry& entry) {
  const server::ProcessRecord* process =
      FindProcess(entry, entry.job().attempt());
  if (process == nullptr || !process->drained()) return std::nullopt;
  if (process->stop_cause() == v1::Attempt::END_CAUSE_UNSPECIFIED) {
    return StopOrder{v1::Attempt::PREEMPTED, kDrainedReason, /*taker=*/""};
  }
  return StopOrder{process->stop_cause(), process->stop_reason(),
                   process->taken_by()};
}

bool AwaitsCheckpoint(const JobEntry& entry) {
  return entry.live.order.has_value() && !entry.live.verdict.has_value() &&
         entry.job().desired() != v1::Job::CANCEL;
}

void GiveUpCheckpoint(Decision& decision, JobEntry& entry) {
  const std::string message =
      absl::StrCat(entry.live.order->reason, ", and no checkpoint came within ",
                   absl::FormatDuration(decision.options().drain_grace));
  GiveVerdict(entry, message);
  // By their supervisor, who tells their end when they are gone; their devices
  // are not free before.
  decision.Do(StopCommandEffect{.attempt = NewestAttempt(entry),
                                .grace = absl::ZeroDuration()});
  entry.live.kill_at = decision.now() + decision.options().kill_after_grace;
  decision.Record(entry, v1::Event::WARNING, "CHECKPOINT_MISSED",
                  absl::StrCat(message, "; the ranks are killed"),
                  entry.job().attempt());
}

}  // namespace lockstep
