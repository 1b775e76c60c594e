#include "client/cli/chrome_trace.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "google/protobuf/util/time_util.h"
#include "nlohmann/json.hpp"

namespace lockstep::cli {
namespace {

// By the clock: microseconds since 1970.
struct Slice {
  std::string name;
  int attempt = 0;
  int rank = 0;
  int64_t step = 0;
  int64_t begin = 0;
  int64_t end = 0;
};

// Spans of a rank follow one another, as they come, but each entry of its log
// has read the clock anew, so the first of one may seem to begin before the
// last of the one before has ended. Perfetto draws no slices that overlap.
void LayInARow(std::vector<Slice>& slices) {
  std::stable_sort(
      slices.begin(), slices.end(), [](const Slice& a, const Slice& b) {
        return std::tie(a.attempt, a.rank) < std::tie(b.attempt, b.rank);
      });
  for (size_t i = 1; i < slices.size(); ++i) {
    const Slice& before = slices[i - 1];
    Slice& slice = slices[i];
    if (before.attempt != slice.attempt || before.rank != slice.rank) continue;
    slice.begin = std::max(slice.begin, before.end);
    slice.end = std::max(slice.end, slice.begin);
  }
}

std::vector<Slice> SpansOf(const StepRange& steps,
                           const std::vector<v1::MetricPoint>& points) {
  std::vector<Slice> slices;
  for (const v1::MetricPoint& point : points) {
    const int64_t origin =
        google::protobuf::util::TimeUtil::TimestampToMicroseconds(
            point.spans_time());
    for (const v1::Span& span : point.spans()) {
      if (!steps.Contains(span.step())) continue;
      const int64_t begin = origin + span.start_us();
      slices.push_back({absl::AsciiStrToLower(v1::Span::Kind_Name(span.kind())),
                        point.attempt(), point.rank(), span.step(), begin,
                        begin + span.duration_us()});
    }
  }
  LayInARow(slices);
  return slices;
}

// From the first span of a step on a rank to the end of its last.
std::vector<Slice> StepsOf(const std::vector<Slice>& spans) {
  std::map<std::tuple<int, int, int64_t>, Slice> steps;
  for (const Slice& span : spans) {
    Slice& step = steps.try_emplace({span.attempt, span.rank, span.step}, span)
                      .first->second;
    step.name = absl::StrCat("step ", span.step);
    step.begin = std::min(step.begin, span.begin);
    step.end = std::max(step.end, span.end);
  }
  std::vector<Slice> list;
  for (auto& [place, step] : steps) list.push_back(std::move(step));
  return list;
}

std::string EventOf(const Slice& slice, int64_t origin) {
  return absl::StrCat("{\"ph\":\"X\",\"cat\":\"train\",\"name\":\"", slice.name,
                      "\",\"pid\":", slice.attempt, ",\"tid\":", slice.rank,
                      ",\"ts\":", slice.begin - origin,
                      ",\"dur\":", slice.end - slice.begin,
                      ",\"args\":{\"step\":", slice.step, "}}");
}

std::string NameOf(const char* what, int attempt, int rank,
                   const std::string& name) {
  return absl::StrCat("{\"ph\":\"M\",\"name\":\"", what, "\",\"pid\":", attempt,
                      ",\"tid\":", rank,
                      ",\"args\":{\"name\":", nlohmann::json(name).dump(),
                      "}}");
}

std::string RankName(const v1::Job& job, int attempt, int rank) {
  std::string name = absl::StrCat("rank ", rank);
  if (attempt < 1 || attempt > job.attempts_size()) return name;
  for (const v1::RankPlacement& place : job.attempts(attempt - 1).ranks()) {
    if (place.rank() != rank) continue;
    return absl::StrCat(name, " (", place.device(), " on ", place.node(), ")");
  }
  return name;
}

}  // namespace

ChromeTrace MakeChromeTrace(const v1::Job& job, const StepRange& steps,
                            const std::vector<v1::MetricPoint>& points) {
  const std::vector<Slice> spans = SpansOf(steps, points);
  int64_t origin = std::numeric_limits<int64_t>::max();
  for (const Slice& span : spans) origin = std::min(origin, span.begin);
  std::vector<std::string> events;
  std::set<std::pair<int, int>> named;
  const std::string id(absl::StripPrefix(job.name(), "jobs/"));
  for (const Slice& span : spans) {
    if (!named.insert({span.attempt, span.rank}).second) continue;
    events.push_back(NameOf("process_name", span.attempt, span.rank,
                            absl::StrCat(id, " attempt ", span.attempt)));
    events.push_back(NameOf("thread_name", span.attempt, span.rank,
                            RankName(job, span.attempt, span.rank)));
  }
  for (const Slice& step : StepsOf(spans)) {
    events.push_back(EventOf(step, origin));
  }
  for (const Slice& span : spans) events.push_back(EventOf(span, origin));
  const absl::Time begin = absl::FromUnixMicros(spans.empty() ? 0 : origin);
  return {
      .json = absl::StrCat(
          "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"job\":\"", id,
          "\",\"begin\":\"",
          absl::FormatTime("%Y-%m-%d%ET%H:%M:%E6SZ", begin,
                           absl::UTCTimeZone()),
          "\"},\n\"traceEvents\":[\n", absl::StrJoin(events, ",\n"), "\n]}\n"),
      .spans = spans.size()};
}

}  // namespace lockstep::cli
