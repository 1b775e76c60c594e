#ifndef LOCKSTEP_SERVER_SCHEDULER_RANK_PACES_H_
#define LOCKSTEP_SERVER_SCHEDULER_RANK_PACES_H_

// How fast each rank of an attempt computes, and which hold the others up. All
// ranks do the same in every step and meet at its end, so they are as slow as
// the slowest, and what each computes in (all of a step but the waiting) can be
// compared with the others'. The comparison is with the median of all ranks,
// the lower of two, so that of two ranks the slower one is told from the
// faster. A median over a rank's newest reports forgives it a hiccup.
//
// Not thread-safe; RankWatch guards it.

#include <array>
#include <cstdint>
#include <deque>
#include <iterator>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"
#include "proto/contract/step_parts.h"

namespace lockstep {

// A rank that computes so many times as long as the median holds the others
// up, if it costs them more than so much a step; it has caught up again below
// the lower bound.
inline constexpr double kSlowRank = 1.25;
inline constexpr double kNoLongerSlowRank = 1.1;
inline constexpr absl::Duration kSlowRankCosts = absl::Milliseconds(2);
// A rank is judged by so many steps at the least.
inline constexpr int64_t kStepsToJudge = 32;
// And one that is found slow, or fast again, is so for so long before it is
// told: two ranks on busy cores hold each other up in turn.
inline constexpr absl::Duration kSlowRankLasts = absl::Seconds(10);

// A rank became slow, or is no longer.
struct RankSlowness {
  int rank = 0;
  bool over = false;
  double slowdown = 1;
  // Where it loses the most against the median, and what both take there.
  v1::Span::Kind kind = v1::Span::KIND_UNSPECIFIED;
  absl::Duration takes;
  absl::Duration median;
};

class RankPaces {
 public:
  explicit RankPaces(int ranks) : ranks_(ranks) {}

  // A point that says where a rank's time went; others are ignored, and so is
  // one that came before.
  void Add(int rank, const v1::MetricPoint& point);

  // Of each rank; 0 where nothing is known of it, or of the others.
  std::vector<double> Slowdowns() const;

  // What became so, and lasts, since the last look. `now` is of one clock.
  std::vector<RankSlowness> Look(absl::Duration now);

 private:
  // Of kStepParts. Waiting for others is not computing: of comm it has nothing.
  using Times = std::array<double, std::size(kStepParts)>;
  struct Report {
    int64_t step = 0;
    // That it is the mean of.
    int64_t steps = 1;
    Times seconds = {};
  };
  struct Rank {
    std::deque<Report> reports;
    bool slow = false;
    // Since when it looks otherwise.
    std::optional<absl::Duration> turned;
  };

  static Times MedianOf(const std::deque<Report>& reports);
  // Of each rank.
  std::vector<Times> Medians() const;
  static std::vector<double> SlowdownsOf(const std::vector<Times>& medians);
  bool CanJudge() const;

  std::vector<Rank> ranks_;
  bool news_ = false;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_RANK_PACES_H_
