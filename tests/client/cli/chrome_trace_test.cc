#include "client/cli/chrome_trace.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace lockstep::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

v1::Job JobOfTwoRanks() {
  v1::Job job;
  job.set_name("jobs/demo");
  v1::Attempt& attempt = *job.add_attempts();
  for (int rank = 0; rank < 2; ++rank) {
    v1::RankPlacement& place = *attempt.add_ranks();
    place.set_rank(rank);
    place.set_node("a \"quoted\" host");
    place.set_device("cpu:" + std::to_string(rank));
  }
  return job;
}

void AddSpan(v1::Span::Kind kind, int64_t step, int64_t start, int64_t takes,
             v1::MetricPoint& point) {
  v1::Span& span = *point.add_spans();
  span.set_kind(kind);
  span.set_step(step);
  span.set_start_us(start);
  span.set_duration_us(takes);
}

v1::MetricPoint PointOf(int rank, int64_t begin_us) {
  v1::MetricPoint point;
  point.set_attempt(1);
  point.set_rank(rank);
  point.mutable_spans_time()->set_seconds(100);
  point.mutable_spans_time()->set_nanos(static_cast<int>(begin_us) * 1000);
  AddSpan(v1::Span::FORWARD, 5, 0, 10, point);
  AddSpan(v1::Span::BACKWARD, 5, 10, 20, point);
  AddSpan(v1::Span::FORWARD, 6, 40, 10, point);
  return point;
}

TEST(ChromeTraceTest, DrawsStepsWithTheirSpansInside) {
  const ChromeTrace trace =
      MakeChromeTrace(JobOfTwoRanks(), {5, 5}, {PointOf(1, 7), PointOf(0, 2)});

  EXPECT_EQ(trace.spans, 4u);
  const auto json = nlohmann::json::parse(trace.json);
  EXPECT_EQ(json["otherData"]["job"], "demo");
  EXPECT_EQ(json["otherData"]["begin"], "1970-01-01T00:01:40.000002Z");
  const auto& events = json["traceEvents"];
  ASSERT_THAT(events, SizeIs(4 + 2 + 4));
  EXPECT_EQ(events[0]["args"]["name"], "demo attempt 1");
  EXPECT_EQ(events[1]["ph"], "M");
  EXPECT_EQ(events[1]["tid"], 0);
  EXPECT_EQ(events[3]["args"]["name"], "rank 1 (cpu:1 on a \"quoted\" host)");
  // Both steps, by rank, and then what they are made of.
  EXPECT_EQ(events[4]["name"], "step 5");
  EXPECT_EQ(events[4]["tid"], 0);
  EXPECT_EQ(events[4]["ts"], 0);
  EXPECT_EQ(events[4]["dur"], 30);
  EXPECT_EQ(events[5]["ts"], 5);
  const auto& backward = events[9];
  EXPECT_EQ(backward["name"], "backward");
  EXPECT_EQ(backward["ph"], "X");
  EXPECT_EQ(backward["pid"], 1);
  EXPECT_EQ(backward["tid"], 1);
  EXPECT_EQ(backward["ts"], 15);
  EXPECT_EQ(backward["dur"], 20);
  EXPECT_EQ(backward["args"]["step"], 5);
}

// The clock of the second entry is 15 us behind.
TEST(ChromeTraceTest, SpansOfARankDoNotOverlap) {
  v1::MetricPoint next;
  next.set_attempt(1);
  next.mutable_spans_time()->set_seconds(100);
  next.mutable_spans_time()->set_nanos(35'000);
  AddSpan(v1::Span::BACKWARD, 6, 0, 20, next);
  AddSpan(v1::Span::OPTIMIZER, 6, 20, 3, next);

  const ChromeTrace trace =
      MakeChromeTrace(JobOfTwoRanks(), {6, 6}, {PointOf(0, 0), next});

  std::vector<std::string> slices;
  const auto json = nlohmann::json::parse(trace.json);
  for (const auto& event : json["traceEvents"]) {
    if (event["ph"] != "X") continue;
    slices.push_back(absl::StrCat(event["name"].get<std::string>(), " ",
                                  event["ts"].get<int>(), "+",
                                  event["dur"].get<int>()));
  }
  EXPECT_THAT(slices, ElementsAre("step 6 0+18", "forward 0+10",
                                  "backward 10+5", "optimizer 15+3"));
}

TEST(ChromeTraceTest, OfOtherStepsThereIsNothing) {
  const ChromeTrace trace =
      MakeChromeTrace(JobOfTwoRanks(), {7, 9}, {PointOf(0, 0)});
  EXPECT_EQ(trace.spans, 0u);
  EXPECT_THAT(nlohmann::json::parse(trace.json)["traceEvents"], IsEmpty());
}

TEST(ChromeTraceTest, AnAttemptThatIsNotKnownHasItsRanksAlone) {
  v1::Job job;
  job.set_name("jobs/demo");
  const ChromeTrace trace = MakeChromeTrace(job, {6, 6}, {PointOf(0, 0)});
  EXPECT_EQ(nlohmann::json::parse(trace.json)["traceEvents"][1]["args"]["name"],
            "rank 0");
}

}  // namespace
}  // namespace lockstep::cli
