#include "server/scheduler/rank_paces.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace lockstep {
namespace {

// Of which the median is taken.
constexpr size_t kReportsKept = 32;

// The lower of two in the middle.
double LowerMedian(std::vector<double> values) {
  const auto middle =
      values.begin() + static_cast<ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

void RankPaces::Add(int rank, const v1::MetricPoint& point) {
  if (rank < 0 || rank >= static_cast<int>(ranks_.size())) return;
  Report report{.step = point.step()};
  for (size_t i = 0; i < report.seconds.size(); ++i) {
    if (kStepParts[i].kind == v1::Span::COMM) continue;
    const auto value = point.values().find(kStepParts[i].seconds);
    if (value == point.values().end()) return;
    report.seconds[i] = value->second;
  }
  std::deque<Report>& reports = ranks_[rank].reports;
  if (!reports.empty()) {
    if (report.step <= reports.back().step) return;
    report.steps = report.step - reports.back().step;
  }
  reports.push_back(report);
  if (reports.size() > kReportsKept) reports.pop_front();
  news_ = true;
}

RankPaces::Times RankPaces::MedianOf(const std::deque<Report>& reports) {
  Times median = {};
  for (size_t i = 0; i < median.size(); ++i) {
    std::vector<double> seconds;
    for (const Report& report : reports) seconds.push_back(report.seconds[i]);
    median[i] = LowerMedian(std::move(seconds));
  }
  return median;
}

std::vector<RankPaces::Times> RankPaces::Medians() const {
  std::vector<Times> medians;
  for (const Rank& rank : ranks_) medians.push_back(MedianOf(rank.reports));
  return medians;
}

std::vector<double> RankPaces::SlowdownsOf(const std::vector<Times>& medians) {
  std::vector<double> slowdowns(medians.size(), 0);
  std::vector<double> computes;
  for (const Times& times : medians) {
    computes.push_back(std::accumulate(times.begin(), times.end(), 0.0));
  }
  const double median = LowerMedian(computes);
  if (median <= 0) return slowdowns;
  for (size_t i = 0; i < computes.size(); ++i) {
    slowdowns[i] = computes[i] / median;
  }
  return slowdowns;
}

std::vector<double> RankPaces::Slowdowns() const {
  const bool known =
      std::none_of(ranks_.begin(), ranks_.end(),
                   [](const Rank& rank) { return rank.reports.empty(); });
  // One alone is neither slow nor fast.
  if (ranks_.size() < 2 || !known) {
    return std::vector<double>(ranks_.size(), 0);
  }
  return SlowdownsOf(Medians());
}

bool RankPaces::CanJudge() const {
  return std::all_of(ranks_.begin(), ranks_.end(), [](const Rank& rank) {
    // One report may be of one bad moment, however many steps it is of.
    if (rank.reports.size() < 2) return false;
    int64_t steps = 0;
    for (const Report& report : rank.reports) steps += report.steps;
    return steps >= kStepsToJudge;
  });
}

std::vector<RankSlowness> RankPaces::Look(absl::Duration now) {
  std::vector<RankSlowness> found;
  if (!std::exchange(news_, false) || ranks_.size() < 2 || !CanJudge()) {
    return found;
  }
  const std::vector<Times> times = Medians();
  Times median = {};
  for (size_t i = 0; i < median.size(); ++i) {
    std::vector<double> all;
    for (const Times& each : times) all.push_back(each[i]);
    median[i] = LowerMedian(std::move(all));
  }
  const std::vector<double> slowdowns = SlowdownsOf(times);
  for (size_t r = 0; r < ranks_.size(); ++r) {
    Rank& rank = ranks_[r];
    size_t worst = 0;
    double costs = 0;
    for (size_t i = 0; i < median.size(); ++i) {
      const double more = times[r][i] - median[i];
      if (more > times[r][worst] - median[worst]) worst = i;
      costs += more;
    }
    const bool slow = rank.slow ? slowdowns[r] >= kNoLongerSlowRank
                                : slowdowns[r] >= kSlowRank &&
                                      absl::Seconds(costs) >= kSlowRankCosts;
    if (slow == rank.slow) {
      rank.turned.reset();
      continue;
    }
    if (!rank.turned.has_value()) rank.turned = now;
    if (now - *rank.turned < kSlowRankLasts) continue;
    rank.turned.reset();
    rank.slow = slow;
    found.push_back({.rank = static_cast<int>(r),
                     .over = !slow,
                     .slowdown = slowdowns[r],
                     .kind = kStepParts[worst].kind,
                     .takes = absl::Seconds(times[r][worst]),
                     .median = absl::Seconds(median[worst])});
  }
  return found;
}

}  // namespace lockstep
