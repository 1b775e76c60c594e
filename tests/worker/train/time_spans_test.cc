#include "worker/train/time_spans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/clock.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::pair<v1::Span::Kind, int64_t>> KindsOf(
    const TakenSpans& taken) {
  std::vector<std::pair<v1::Span::Kind, int64_t>> kinds;
  for (const v1::Span& span : taken.spans) {
    kinds.emplace_back(span.kind(), span.step());
  }
  return kinds;
}

TEST(TimeSpansTest, EachEndsWhereTheNextBegins) {
  TimeSpans spans(c10::kCPU);
  const absl::Time before = absl::Now();
  spans.Begin(v1::Span::DATA, 7);
  spans.Begin(v1::Span::FORWARD, 7);
  spans.Begin(v1::Span::BACKWARD, 7);
  spans.End();

  const TakenSpans taken = spans.Take();

  EXPECT_THAT(KindsOf(taken), ElementsAre(std::pair(v1::Span::DATA, 7),
                                          std::pair(v1::Span::FORWARD, 7),
                                          std::pair(v1::Span::BACKWARD, 7)));
  EXPECT_EQ(taken.spans[0].start_us(), 0);
  EXPECT_NEAR(taken.spans[1].start_us(), taken.spans[0].duration_us(), 1);
  EXPECT_NEAR(taken.spans[2].start_us(),
              taken.spans[1].start_us() + taken.spans[1].duration_us(), 1);
  // The clocks of wall and process are read one after the other.
  EXPECT_GE(taken.begin, before - absl::Seconds(1));
  EXPECT_LE(taken.begin, absl::Now() + absl::Seconds(1));
}

TEST(TimeSpansTest, WhatGoesOnIsNotTakenYet) {
  TimeSpans spans(c10::kCPU);
  spans.Begin(v1::Span::FORWARD, 1);
  EXPECT_THAT(spans.Take().spans, IsEmpty());
  spans.Begin(v1::Span::BACKWARD, 1);
  EXPECT_THAT(KindsOf(spans.Take()),
              ElementsAre(std::pair(v1::Span::FORWARD, 1)));
  spans.End();
  const TakenSpans taken = spans.Take();
  EXPECT_THAT(KindsOf(taken), ElementsAre(std::pair(v1::Span::BACKWARD, 1)));
  EXPECT_THAT(taken.seconds, SizeIs(1));
}

TEST(TimeSpansTest, WhatIsOfNoInterestIsInNone) {
  TimeSpans spans(c10::kCPU);
  spans.Begin(v1::Span::OPTIMIZER, 1);
  spans.End();
  spans.End();
  spans.Begin(v1::Span::EVALUATE, 1);
  spans.End();
  EXPECT_THAT(KindsOf(spans.Take()),
              ElementsAre(std::pair(v1::Span::OPTIMIZER, 1),
                          std::pair(v1::Span::EVALUATE, 1)));
}

TEST(TimeSpansTest, TheNewestStayAndTheSumsAreOfAll) {
  TimeSpans spans(c10::kCPU);
  constexpr int kSteps = static_cast<int>(kMostSpans) + 10;
  for (int step = 1; step <= kSteps; ++step) {
    spans.Begin(v1::Span::FORWARD, step);
    spans.End();
  }

  const TakenSpans taken = spans.Take();

  ASSERT_THAT(taken.spans, SizeIs(kMostSpans));
  EXPECT_EQ(taken.spans.front().step(), 11);
  EXPECT_EQ(taken.spans.back().step(), kSteps);
  double kept = 0;
  for (const v1::Span& span : taken.spans) kept += span.duration_us() / 1e6;
  EXPECT_GE(taken.seconds.at(v1::Span::FORWARD), kept);
}

}  // namespace
}  // namespace lockstep
