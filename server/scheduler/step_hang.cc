// Ranks that say nothing, and attempts that stand: what is told of the former,
// and how the latter end. Why so: docs/adr/2026-11-30-silence-and-hangs.md.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

std::string Rounded(absl::Duration duration) {
  return absl::FormatDuration(absl::Trunc(duration, absl::Milliseconds(100)));
}

std::string InWords(const std::optional<worker::v1::Collective>& collective) {
  if (!collective.has_value()) return "no collective yet";
  return absl::StrCat("collective ", collective->sequence(), ", ",
                      collective->operation(),
                      collective->pending() ? ", pending" : ", done");
}

// What the others wait in, of the one that is the furthest.
std::string Furthest(const std::vector<RankSign>& ranks, int but) {
  const RankSign* ahead = nullptr;
  for (const RankSign& rank : ranks) {
    if (rank.rank == but || !rank.collective.has_value()) continue;
    if (ahead == nullptr ||
        rank.collective->sequence() > ahead->collective->sequence()) {
      ahead = &rank;
    }
  }
  return ahead == nullptr ? ""
                          : absl::StrCat("; rank ", ahead->rank, " is at ",
                                         InWords(ahead->collective));
}

std::string InWords(const v1::Attempt& attempt, const HangFound& hang,
                    absl::Duration silence) {
  const std::optional<int> stuck = StuckRank(hang.ranks, silence);
  if (!stuck.has_value()) {
    return absl::StrCat("no step after step ", hang.step, " for ",
                        Rounded(hang.stands_for), ", at most ",
                        Rounded(hang.limit),
                        " is allowed; no rank is behind the others",
                        Furthest(hang.ranks, /*but=*/-1));
  }
  const RankSign& rank = hang.ranks[*stuck];
  const std::string what =
      rank.silent_for >= silence
          ? absl::StrCat("has said nothing for ", Rounded(rank.silent_for),
                         " after step ", hang.step, ", last at ")
          : absl::StrCat("holds the others up after step ", hang.step, " for ",
                         Rounded(hang.stands_for), ", at ");
  return absl::StrCat(RankInWords(attempt, *stuck), " ", what,
                      InWords(rank.collective), Furthest(hang.ranks, *stuck));
}

// What a rank told before it stood says more than that it stands.
worker::v1::RankFailure VerdictOn(const JobEntry& entry,
                                  const std::string& message) {
  if (!entry.live.failures.empty()) {
    return entry.live.failures.begin()->second;
  }
  worker::v1::RankFailure verdict;
  verdict.set_cause(v1::Attempt::HANG);
  verdict.set_message(message);
  return verdict;
}

// It does not answer, so there is nothing to wait for.
void Kill(Decision& decision, JobEntry& entry, const std::string& message) {
  entry.live.verdict = VerdictOn(entry, message);
  MutableLiveAttempt(entry)->set_state(v1::Attempt::DRAINING);
  decision.Do(
      StopCommandEffect{.attempt = {entry.job().name(), entry.job().attempt()},
                        .grace = absl::ZeroDuration()});
  entry.live.kill_at = decision.now() + decision.options().kill_after_grace;
}

}  // namespace

std::string RankInWords(const v1::Attempt& attempt, int rank) {
  if (rank >= attempt.ranks_size()) return absl::StrCat("rank ", rank);
  const v1::RankPlacement& placement = attempt.ranks(rank);
  return absl::StrCat("rank ", rank, " (", placement.device(), " on ",
                      placement.node(), ")");
}

void OnSilence(Decision& decision, const SilenceFound& found) {
  absl::StatusOr<JobEntry*> live =
      FindLive(decision, found.attempt.job, found.attempt.attempt);
  if (!live.ok()) return;
  const v1::Attempt& attempt = *LiveAttemptOf((*live)->job());
  const bool stops = attempt.state() == v1::Attempt::DRAINING;
  const std::string who = RankInWords(attempt, found.rank.rank);
  if (found.over) {
    (*live)->live.silent.erase(found.rank.rank);
    if (stops) return;
    decision.Record(**live, v1::Event::INFO, "RANK_HEARD",
                    absl::StrCat(who, " is heard again"),
                    found.attempt.attempt);
    return;
  }
  (*live)->live.silent.insert(found.rank.rank);
  if (!stops) {
    decision.Record(**live, v1::Event::WARNING, "RANK_SILENT",
                    absl::StrCat(who, " has said nothing for ",
                                 Rounded(found.rank.silent_for)),
                    found.attempt.attempt);
  }
  LoseSilentNodes(decision, **live, /*nobody_speaks=*/false);
}

void OnHang(Decision& decision, const HangFound& hang) {
  absl::StatusOr<JobEntry*> live =
      FindLive(decision, hang.attempt.job, hang.attempt.attempt);
  if (!live.ok()) return;
  JobEntry& entry = **live;
  const v1::Attempt& attempt = *LiveAttemptOf(entry.job());
  // What is being stopped has a deadline of its own.
  if (attempt.state() == v1::Attempt::DRAINING) return;
  if (LoseSilentNodes(decision, entry, /*nobody_speaks=*/true)) return;
  const std::string message =
      InWords(attempt, hang, SilenceOf(decision.options()));
  // The verdict outlives this process.
  server::ProcessRecord& process = *MutableProcess(entry, hang.attempt.attempt);
  process.set_stop_cause(v1::Attempt::HANG);
  process.set_stop_reason(message);
  decision.Record(entry, v1::Event::ERROR, "HANG_DETECTED",
                  absl::StrCat(message, "; the ranks are killed"),
                  hang.attempt.attempt);
  Kill(decision, entry, message);
}

bool KillHungAgain(Decision& decision, JobEntry& entry) {
  const server::ProcessRecord* process =
      FindProcess(entry, entry.job().attempt());
  if (process == nullptr || process->stop_cause() != v1::Attempt::HANG) {
    return false;
  }
  Kill(decision, entry, process->stop_reason());
  return true;
}

}  // namespace lockstep
