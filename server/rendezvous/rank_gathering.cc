#include "server/rendezvous/rank_gathering.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/contract/errors.h"

namespace lockstep {
namespace {

absl::Status InvalidRank(int rank, int world_size) {
  return errors::Error(
      absl::StatusCode::kInvalidArgument, "INVALID_RANK",
      absl::StrCat("caller.rank: ", rank, " is not in 0..", world_size - 1));
}

absl::Status RankTaken(const worker::v1::JoinRequest& holder) {
  return errors::Error(
      absl::StatusCode::kAlreadyExists, "RANK_TAKEN",
      absl::StrCat("rank ", holder.caller().rank(), " was joined by process ",
                   holder.pid(), " on ", holder.node()));
}

absl::Status TimedOut(const AttemptRef& attempt, absl::Duration timeout,
                      const std::vector<int>& missing) {
  const std::string ranks = absl::StrJoin(missing, ", ");
  return errors::Error(
      absl::StatusCode::kDeadlineExceeded, "RENDEZVOUS_TIMEOUT",
      absl::StrCat(attempt.job, ": attempt ", attempt.attempt, ": ",
                   missing.size() == 1 ? "rank " : "ranks ", ranks,
                   " did not join within ", absl::FormatDuration(timeout)),
      {{"missing", ranks}});
}

void Give(Rendezvous::JoinReply reply, absl::StatusOr<int> answer,
          Answers& answers) {
  answers.push_back(
      [reply = std::move(reply), answer = std::move(answer)]() mutable {
        reply(std::move(answer));
      });
}

}  // namespace

RankGathering::RankGathering(AttemptRef attempt, int world_size,
                             absl::Duration timeout, absl::Duration deadline,
                             bool joined_before)
    : attempt_(std::move(attempt)),
      world_size_(world_size),
      timeout_(timeout),
      deadline_(deadline),
      joined_before_(joined_before),
      welcome_(joined_before) {}

void RankGathering::StartClock(absl::Duration now) {
  if (deadline_ == absl::InfiniteDuration()) deadline_ = now + timeout_;
}

bool RankGathering::Complete() const {
  return joined_before_ || static_cast<int>(joined_.size()) == world_size_;
}

absl::Status RankGathering::Check(
    const worker::v1::JoinRequest& request) const {
  const int rank = request.caller().rank();
  if (rank < 0 || rank >= world_size_) return InvalidRank(rank, world_size_);
  const auto holder = joined_.find(rank);
  if (holder != joined_.end() &&
      holder->second.incarnation() != request.incarnation()) {
    return RankTaken(holder->second);
  }
  return failure_;
}

void RankGathering::Join(const worker::v1::JoinRequest& request,
                         Rendezvous::JoinReply reply, Answers& answers) {
  if (absl::Status status = Check(request); !status.ok()) {
    return Give(std::move(reply), std::move(status), answers);
  }
  const int rank = request.caller().rank();
  const bool was_complete = Complete();
  joined_[rank] = request;
  if (welcome_) return Give(std::move(reply), world_size_, answers);
  // A retry: whoever waited with the call before is gone.
  if (const auto older = waiting_.find(rank); older != waiting_.end()) {
    Give(std::move(older->second), absl::CancelledError("asked again"),
         answers);
  }
  waiting_[rank] = std::move(reply);
  if (Complete() && !was_complete) TellComplete();
}

void RankGathering::TellComplete() {
  outcome_.emplace().attempt = attempt_;
  for (const auto& [rank, request] : joined_) {
    outcome_->joined.push_back(request);
  }
}

void RankGathering::Welcome(Answers& answers) {
  welcome_ = true;
  for (auto& [rank, reply] : waiting_) {
    Give(std::move(reply), world_size_, answers);
  }
  waiting_.clear();
}

void RankGathering::Tick(absl::Duration now, Answers& answers) {
  if (Complete() || !failure_.ok() || now < deadline_) return;
  outcome_.emplace().attempt = attempt_;
  for (int rank = 0; rank < world_size_; ++rank) {
    const auto joined = joined_.find(rank);
    if (joined == joined_.end()) {
      outcome_->missing.push_back(rank);
    } else {
      outcome_->joined.push_back(joined->second);
    }
  }
  failure_ = TimedOut(attempt_, timeout_, outcome_->missing);
  Fail(failure_, answers);
}

void RankGathering::Fail(const absl::Status& status, Answers& answers) {
  for (auto& [rank, reply] : waiting_) {
    Give(std::move(reply), status, answers);
  }
  waiting_.clear();
}

std::optional<Rendezvous::Outcome> RankGathering::TakeOutcome() {
  return std::exchange(outcome_, std::nullopt);
}

}  // namespace lockstep
