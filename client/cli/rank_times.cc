#include "client/cli/rank_times.h"

#include <array>
#include <iterator>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/contract/step_parts.h"

namespace lockstep::cli {
namespace {

struct RankTimes {
  int points = 0;
  std::array<double, std::size(kStepParts)> sums = {};
};

std::map<int, RankTimes> TimesOf(int attempt,
                                 const std::vector<v1::MetricPoint>& points) {
  std::map<int, RankTimes> times;
  for (const v1::MetricPoint& point : points) {
    if (point.attempt() != attempt ||
        !point.values().contains(kStepParts[0].seconds)) {
      continue;
    }
    RankTimes& rank = times[point.rank()];
    ++rank.points;
    for (size_t i = 0; i < std::size(kStepParts); ++i) {
      const auto value = point.values().find(kStepParts[i].seconds);
      if (value != point.values().end()) rank.sums[i] += value->second;
    }
  }
  return times;
}

std::string Milliseconds(double seconds) {
  constexpr double kMillis = 1000;
  return absl::StrFormat("%.4g ms", seconds * kMillis);
}

}  // namespace

std::vector<std::string> RankHeaders() {
  std::vector<std::string> headers = {"RANK", "SLOWDOWN"};
  for (const StepPart& part : kStepParts) {
    headers.push_back(absl::AsciiStrToUpper(part.name));
  }
  return headers;
}

std::vector<std::vector<std::string>> RankRows(
    const v1::Job& job, const std::vector<v1::MetricPoint>& points) {
  std::vector<std::vector<std::string>> rows;
  if (job.attempts().empty()) return rows;
  const v1::Attempt& attempt = *job.attempts().rbegin();
  for (const auto& [rank, times] : TimesOf(job.attempt(), points)) {
    const double slowdown =
        rank < attempt.ranks_size() ? attempt.ranks(rank).slowdown() : 0;
    std::vector<std::string> row = {
        absl::StrCat(rank),
        slowdown > 0 ? absl::StrFormat("%.2f", slowdown) : ""};
    for (const double sum : times.sums) {
      row.push_back(Milliseconds(sum / times.points));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace lockstep::cli
