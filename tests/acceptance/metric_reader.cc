#include "tests/acceptance/metric_reader.h"

#include "gtest/gtest.h"

namespace lockstep::testing {

bool MetricReader::ReadTo(int64_t step) {
  return ReadUntil(
      [&](const v1::MetricPoint& point) { return point.step() >= step; });
}

bool MetricReader::ReadUntil(
    const std::function<bool(const v1::MetricPoint&)>& done) {
  return cluster_.FollowMetricsFrom(
      id_, cursor_, [&](const v1::MetricPoint& point) {
        const int64_t next = ++newest_[{point.attempt(), point.rank()}];
        EXPECT_EQ(point.seq(), next)
            << "attempt " << point.attempt() << " rank " << point.rank();
        steps_.insert(point.step());
        return done(point);
      });
}

int64_t MetricReader::points() const {
  int64_t sum = 0;
  for (const auto& [rank, seq] : newest_) sum += seq;
  return sum;
}

}  // namespace lockstep::testing
