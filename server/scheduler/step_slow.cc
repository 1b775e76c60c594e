// Ranks that hold the others up: they are named, and the job goes on.

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

std::string Milliseconds(absl::Duration duration) {
  return absl::StrFormat("%.4g ms", absl::ToDoubleMilliseconds(duration));
}

}  // namespace

void OnSlow(Decision& decision, const SlowFound& found) {
  absl::StatusOr<JobEntry*> live =
      FindLive(decision, found.attempt.job, found.attempt.attempt);
  if (!live.ok()) return;
  const v1::Attempt& attempt = *LiveAttemptOf((*live)->job());
  if (attempt.state() == v1::Attempt::DRAINING) return;
  const RankSlowness& rank = found.rank;
  const std::string who = RankInWords(attempt, rank.rank);
  if (rank.over) {
    decision.Record(
        **live, v1::Event::INFO, "RANK_CAUGHT_UP",
        absl::StrFormat("%s computes as fast as the others again", who),
        found.attempt.attempt);
    return;
  }
  decision.Record(
      **live, v1::Event::WARNING, "RANK_SLOW",
      absl::StrFormat(
          "%s holds the others up: it computes %.2f times as long a step as "
          "the median rank, most of it in %s, %s against %s",
          who, rank.slowdown,
          absl::AsciiStrToLower(v1::Span::Kind_Name(rank.kind)),
          Milliseconds(rank.takes), Milliseconds(rank.median)),
      found.attempt.attempt);
}

}  // namespace lockstep
