#include "server/scheduler/rank_watch.h"

#include <algorithm>

namespace lockstep {
namespace {

using worker::v1::Phase;

// Of which the median is taken.
constexpr size_t kStepsKept = 21;

// Each reading becomes series of metrics, and whoever has an attempt's token
// may write it. A UUID has 40 characters, one of a part of a GPU as many; a GPU
// that has had more kinds of errors than this was replaced.
constexpr size_t kLongestUuid = 96;
constexpr int kMostXids = 32;

bool IsSound(const worker::v1::GpuReading& gpu) {
  return !gpu.uuid().empty() && gpu.uuid().size() <= kLongestUuid &&
         gpu.xid_errors_size() <= kMostXids;
}

double MedianOf(const std::deque<double>& values) {
  std::vector<double> sorted(values.begin(), values.end());
  const auto middle =
      sorted.begin() + static_cast<ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

int64_t SequenceOf(const RankSign& rank) {
  return rank.collective.has_value() ? rank.collective->sequence() : 0;
}

}  // namespace

void RankWatch::Open(const AttemptRef& attempt, int ranks, absl::Duration now) {
  Attempt opened(ranks);
  opened.ranks.resize(ranks, Rank{.heard_at = now});
  opened.waits_since = now;
  absl::MutexLock lock(&mu_);
  attempts_.insert_or_assign({attempt.job, attempt.attempt}, std::move(opened));
}

void RankWatch::HearPoints(const worker::v1::Caller& caller,
                           const MetricPoints& points) {
  absl::MutexLock lock(&mu_);
  Attempt* attempt = nullptr;
  if (Find(caller, &attempt) == nullptr) return;
  for (const v1::MetricPoint& point : points)
    attempt->paces.Add(caller.rank(), point);
}

std::vector<double> RankWatch::Slowdowns(const AttemptRef& attempt) const {
  absl::MutexLock lock(&mu_);
  const auto found = attempts_.find({attempt.job, attempt.attempt});
  if (found == attempts_.end()) return {};
  return found->second.paces.Slowdowns();
}

void RankWatch::Close(const AttemptRef& attempt) {
  absl::MutexLock lock(&mu_);
  attempts_.erase({attempt.job, attempt.attempt});
}

RankWatch::Rank* RankWatch::Find(const worker::v1::Caller& caller,
                                 Attempt** attempt) {
  const auto found = attempts_.find({caller.job(), caller.attempt()});
  if (found == attempts_.end() || caller.rank() < 0 ||
      caller.rank() >= static_cast<int>(found->second.ranks.size())) {
    return nullptr;
  }
  *attempt = &found->second;
  return &found->second.ranks[caller.rank()];
}

void RankWatch::TakeStep(Attempt& attempt, Rank& rank, int64_t step,
                         absl::Duration now) {
  rank.step = std::max(rank.step, step);
  if (step <= attempt.step) return;
  // Where it goes on from is no step of this attempt.
  if (rank.phase == worker::v1::PHASE_TRAINING && now > attempt.waits_since) {
    attempt.step_seconds.push_back(
        absl::ToDoubleSeconds(now - attempt.waits_since) /
        static_cast<double>(step - attempt.step));
    if (attempt.step_seconds.size() > kStepsKept) {
      attempt.step_seconds.pop_front();
    }
  }
  attempt.step = step;
  attempt.waits_since = now;
}

bool RankWatch::Hear(const worker::v1::HeartbeatRequest& heartbeat,
                     absl::Duration now) {
  absl::MutexLock lock(&mu_);
  Attempt* attempt = nullptr;
  Rank* rank = Find(heartbeat.caller(), &attempt);
  if (rank == nullptr) return false;
  const bool news = rank->phase != heartbeat.phase() ||
                    rank->step != heartbeat.step() ||
                    heartbeat.other_phases_size() > 0;
  rank->heard_at = now;
  rank->left = false;
  if (heartbeat.has_collective()) rank->collective = heartbeat.collective();
  if (heartbeat.has_gpu() && IsSound(heartbeat.gpu())) {
    rank->gpu = heartbeat.gpu();
    rank->gpu_at = now;
  }
  if (rank->phase != heartbeat.phase()) {
    // What it did until now was no step.
    attempt->step = std::max(attempt->step, heartbeat.step());
    attempt->waits_since = now;
    rank->phase = heartbeat.phase();
  }
  TakeStep(*attempt, *rank, heartbeat.step(), now);
  return news;
}

void RankWatch::Leave(const worker::v1::Caller& caller) {
  absl::MutexLock lock(&mu_);
  Attempt* attempt = nullptr;
  Rank* rank = Find(caller, &attempt);
  if (rank != nullptr) rank->left = true;
}

void RankWatch::HearReport(const worker::v1::Caller& caller,
                           std::optional<int64_t> step, absl::Duration now) {
  absl::MutexLock lock(&mu_);
  Attempt* attempt = nullptr;
  Rank* rank = Find(caller, &attempt);
  if (rank == nullptr) return;
  rank->heard_at = now;
  if (step.has_value()) TakeStep(*attempt, *rank, *step, now);
}

absl::Duration RankWatch::StepLimit(const Attempt& attempt) const {
  if (attempt.step_seconds.empty()) return absl::InfiniteDuration();
  return std::max(
      options_.hang_timeout,
      options_.hang_steps * absl::Seconds(MedianOf(attempt.step_seconds)));
}

void RankWatch::LookAt(const Key& key, Attempt& attempt, absl::Duration now,
                       std::vector<WatchFinding>& findings) const {
  const AttemptRef ref{key.first, key.second};
  const absl::Duration silence = SilenceOf(options_);
  std::vector<RankSign> signs;
  absl::Duration longest;
  bool trains = true;
  for (size_t i = 0; i < attempt.ranks.size(); ++i) {
    Rank& rank = attempt.ranks[i];
    // One that has left need say nothing.
    const absl::Duration silent_for =
        rank.left ? absl::ZeroDuration() : now - rank.heard_at;
    signs.push_back({.rank = static_cast<int>(i),
                     .silent_for = silent_for,
                     .phase = rank.phase,
                     .collective = rank.collective});
    longest = std::max(longest, silent_for);
    trains = trains && !rank.left && rank.phase == worker::v1::PHASE_TRAINING;
    if (rank.silent != (silent_for >= silence)) {
      rank.silent = !rank.silent;
      findings.push_back(SilenceFound{ref, signs.back(), !rank.silent});
    }
  }
  if (attempt.told) return;
  const absl::Duration step_limit = StepLimit(attempt);
  const absl::Duration stands_for = now - attempt.waits_since;
  // Whatever it does, a rank that lives talks.
  const absl::Duration silent_limit = std::max(options_.hang_timeout, silence);
  if (trains && stands_for >= step_limit) {
    attempt.told = true;
    findings.push_back(
        HangFound{ref, attempt.step, stands_for, step_limit, signs});
  } else if (longest >= silent_limit) {
    attempt.told = true;
    findings.push_back(
        HangFound{ref, attempt.step, longest, silent_limit, signs});
  }
}

std::vector<WatchFinding> RankWatch::Look(absl::Duration now) {
  std::vector<WatchFinding> findings;
  absl::MutexLock lock(&mu_);
  const absl::Duration since = now - looked_at_.value_or(now);
  looked_at_ = now;
  // This process stood, and what ranks said meanwhile may still be unread.
  constexpr int kTicksMissed = 8;
  const bool was_away = since >= std::max(options_.heartbeat_interval,
                                          kTicksMissed * options_.tick);
  for (auto& [key, attempt] : attempts_) {
    if (was_away) {
      attempt.waits_since += since;
      for (Rank& rank : attempt.ranks) rank.heard_at += since;
    }
    LookAt(key, attempt, now, findings);
    for (RankSlowness& rank : attempt.paces.Look(now)) {
      findings.push_back(SlowFound{{key.first, key.second}, rank});
    }
  }
  return findings;
}

std::vector<RankHeard> RankWatch::Ranks() const {
  std::vector<RankHeard> heard;
  absl::MutexLock lock(&mu_);
  for (const auto& [key, attempt] : attempts_) {
    const std::vector<double> slowdowns = attempt.paces.Slowdowns();
    for (size_t i = 0; i < attempt.ranks.size(); ++i) {
      const Rank& rank = attempt.ranks[i];
      heard.push_back({.attempt = {key.first, key.second},
                       .rank = static_cast<int>(i),
                       .at = rank.heard_at,
                       .phase = rank.phase,
                       .silent = rank.silent,
                       .left = rank.left,
                       .slowdown = slowdowns[i]});
    }
  }
  return heard;
}

std::vector<RankGpu> RankWatch::Gpus(absl::Duration now) const {
  const absl::Duration silence = SilenceOf(options_);
  std::vector<RankGpu> gpus;
  absl::MutexLock lock(&mu_);
  for (const auto& [key, attempt] : attempts_) {
    for (size_t i = 0; i < attempt.ranks.size(); ++i) {
      const Rank& rank = attempt.ranks[i];
      if (!rank.gpu.has_value() || now - rank.gpu_at >= silence) continue;
      gpus.push_back({.attempt = {key.first, key.second},
                      .rank = static_cast<int>(i),
                      .at = rank.gpu_at,
                      .reading = *rank.gpu});
    }
  }
  return gpus;
}

std::optional<int> StuckRank(const std::vector<RankSign>& ranks,
                             absl::Duration silence) {
  if (ranks.empty()) return std::nullopt;
  const auto silent = std::max_element(
      ranks.begin(), ranks.end(), [](const RankSign& a, const RankSign& b) {
        return a.silent_for < b.silent_for;
      });
  if (silent->silent_for >= silence) return silent->rank;
  const auto [behind, ahead] = std::minmax_element(
      ranks.begin(), ranks.end(), [](const RankSign& a, const RankSign& b) {
        return SequenceOf(a) < SequenceOf(b);
      });
  if (ranks.size() > 1 && SequenceOf(*behind) < SequenceOf(*ahead)) {
    return behind->rank;
  }
  return std::nullopt;
}

}  // namespace lockstep
