#include "server/scheduler/attempt_end.h"

#include <signal.h>
#include <string.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "proto/contract/exit_code.h"

namespace lockstep {
namespace {

using worker::v1::RankFailure;
using worker::v1::RankProcess;

bool Succeeded(const RankProcess& rank) {
  return rank.exited() && rank.exit_code() == kOk && rank.signal() == 0;
}

// Its exit only follows from something else.
bool Follows(const RankProcess& rank) {
  return rank.signal() == 0 &&
         (rank.exit_code() == kPeerLost || rank.exit_code() == kStopped);
}

std::string InWords(const RankProcess& rank) {
  if (rank.out_of_memory()) {
    return absl::StrCat("rank ", rank.rank(),
                        " was killed by the kernel, which had no memory left");
  }
  if (rank.signal() != 0) {
    return absl::StrCat("rank ", rank.rank(), " was ended by signal ",
                        rank.signal(), " (", strsignal(rank.signal()), ")");
  }
  return absl::StrCat(
      "rank ", rank.rank(), " ended with exit code ", rank.exit_code(),
      rank.exit_code() == kPeerLost ? ": it lost the connection to another rank"
                                    : "");
}

// Only what nobody asked for may come out of an exit that nobody asked for.
v1::Attempt::EndCause UnaskedCause(v1::Attempt::EndCause cause) {
  switch (cause) {
    case v1::Attempt::SUCCESS:
    case v1::Attempt::CANCELLED:
    case v1::Attempt::PAUSED:
    case v1::Attempt::PREEMPTED:
    case v1::Attempt::TIME_LIMIT:
    case v1::Attempt::END_CAUSE_UNSPECIFIED:
      return v1::Attempt::ENGINE_ERROR;
    default:
      return cause;
  }
}

AttemptEnd OfFailure(int rank, const RankFailure& failure) {
  return {UnaskedCause(failure.cause()),
          absl::StrCat("rank ", rank, ": ", failure.message()),
          /*another_may_help=*/true, rank};
}

AttemptEnd OfRank(const RankProcess& rank, const LiveAttempt& live) {
  const auto told = live.failures.find(rank.rank());
  if (told != live.failures.end()) return OfFailure(told->first, told->second);
  const v1::Attempt::EndCause cause =
      rank.out_of_memory() ? v1::Attempt::HOST_OUT_OF_MEMORY
                           : CauseOfExit(rank.exit_code(), rank.signal());
  if (rank.signal() == 0 && rank.exit_code() == kStopped) {
    return {v1::Attempt::ENGINE_ERROR,
            absl::StrCat("rank ", rank.rank(),
                         " stopped, though nobody asked the coordinator")};
  }
  if (rank.signal() == 0 && rank.exit_code() == kCannotStart) {
    return {cause,
            absl::StrCat("rank ", rank.rank(),
                         " cannot be started: its program lockstep-rank, "
                         "which belongs beside lockstep-worker, is missing, "
                         "cannot be run or lacks a library; its log names the "
                         "path"),
            /*another_may_help=*/false, rank.rank()};
  }
  return {UnaskedCause(cause), InWords(rank), /*another_may_help=*/true,
          rank.rank()};
}

// The first rank for which `is` holds, or null.
template <typename Predicate>
const RankProcess* FirstOf(const std::vector<RankProcess>& ranks,
                           Predicate is) {
  const auto found = std::find_if(ranks.begin(), ranks.end(), is);
  return found == ranks.end() ? nullptr : &*found;
}

AttemptEnd OfRanks(const LiveAttempt& live, const ProcessEnd& end) {
  const auto failed_itself = [](const RankProcess& rank) {
    return !Succeeded(rank) && !rank.asked_to_stop();
  };
  // Best: failed by itself, and not because of another.
  if (const RankProcess* rank =
          FirstOf(end.ranks, [&](const RankProcess& candidate) {
            return failed_itself(candidate) && !Follows(candidate);
          })) {
    return OfRank(*rank, live);
  }
  // A failure that was told, by a rank that was asked to stop before it could
  // exit.
  for (const auto& [rank, failure] : live.failures) {
    const RankProcess* process =
        FirstOf(end.ranks, [rank = rank](const RankProcess& candidate) {
          return candidate.rank() == rank;
        });
    if (process == nullptr || !Follows(*process)) {
      return OfFailure(rank, failure);
    }
  }
  if (live.order.has_value()) return {live.order->cause, live.order->reason};
  if (const RankProcess* rank = FirstOf(end.ranks, failed_itself)) {
    return OfRank(*rank, live);
  }
  return {v1::Attempt::ENGINE_ERROR,
          "the ranks were stopped from outside, not by the coordinator"};
}

// The ranks that others have waited for: asked to stop, they did not.
std::string Unresponsive(const std::vector<RankProcess>& ranks) {
  std::string words;
  for (const RankProcess& rank : ranks) {
    if (!rank.asked_to_stop() || rank.signal() != SIGKILL) continue;
    absl::StrAppend(&words, "; rank ", rank.rank(),
                    " did not react and was killed");
  }
  return words;
}

// The supervisor is gone and left no exit file.
AttemptEnd OfLostSupervisor(const LiveAttempt& live, const ProcessEnd& end) {
  if (!live.failures.empty()) {
    return OfFailure(live.failures.begin()->first,
                     live.failures.begin()->second);
  }
  if (end.signal != 0) {
    return {v1::Attempt::WORKER_CRASH,
            absl::StrCat("the supervisor of the ranks was ended by signal ",
                         end.signal, " (", strsignal(end.signal), ")")};
  }
  if (end.exit_code != 0) {
    return {v1::Attempt::WORKER_CRASH,
            absl::StrCat("the supervisor of the ranks ended with exit code ",
                         end.exit_code, "; its log says more")};
  }
  return {v1::Attempt::LOST, "the processes are gone and left no exit file"};
}

// The order is on disk, unlike a verdict: it holds when the coordinator was
// away meanwhile. Nothing but a finish makes up for time that is over; and one
// that died while it stopped, without a word, was stopping all the same.
bool StoppedByOrder(const LiveAttempt& live, const ProcessEnd& end) {
  if (!live.order.has_value()) return false;
  return live.order->cause == v1::Attempt::TIME_LIMIT ||
         (end.ranks.empty() && live.failures.empty());
}

// Some may be missing: of hosts that are gone.
bool AllSucceeded(const v1::Job& job, const ProcessEnd& end) {
  const int ranks =
      job.attempts().empty() ? 0 : job.attempts().rbegin()->ranks_size();
  return !end.ranks.empty() && static_cast<int>(end.ranks.size()) >= ranks &&
         std::all_of(end.ranks.begin(), end.ranks.end(), Succeeded);
}

// A rank said why, or exited with a code that does.
bool OneFailedItself(const LiveAttempt& live, const ProcessEnd& end) {
  return !live.failures.empty() ||
         std::any_of(end.ranks.begin(), end.ranks.end(),
                     [](const RankProcess& rank) {
                       return !Succeeded(rank) && !rank.asked_to_stop() &&
                              rank.signal() == 0 && !Follows(rank);
                     });
}

}  // namespace

bool EngineMayKnow(const v1::Job& job, const LiveAttempt& live,
                   const ProcessEnd& end) {
  return !AllSucceeded(job, end) && job.desired() != v1::Job::CANCEL &&
         !live.verdict.has_value() && !live.order.has_value() &&
         !OneFailedItself(live, end);
}

AttemptEnd WhyEnded(const v1::Job& job, const LiveAttempt& live,
                    const ProcessEnd& end) {
  // A finish that wins the race against a request to stop is a finish.
  if (AllSucceeded(job, end))
    return {v1::Attempt::SUCCESS, "all ranks trained to the end"};
  if (job.desired() == v1::Job::CANCEL) {
    return {v1::Attempt::CANCELLED, "cancelled by a user"};
  }
  if (live.verdict.has_value()) {
    return {live.verdict->cause(), live.verdict->message()};
  }
  if (StoppedByOrder(live, end)) {
    return {live.order->cause, live.order->reason};
  }
  if (end.engine.has_value() && EngineMayKnow(job, live, end)) {
    return {end.engine->cause, end.engine->message,
            end.engine->another_may_help};
  }
  if (end.ranks.empty()) return OfLostSupervisor(live, end);
  AttemptEnd why = OfRanks(live, end);
  if (why.cause == v1::Attempt::HANG) why.message += Unresponsive(end.ranks);
  return why;
}

bool WasAskedToStop(v1::Attempt::EndCause cause) {
  return cause == v1::Attempt::PREEMPTED || cause == v1::Attempt::PAUSED;
}

}  // namespace lockstep
