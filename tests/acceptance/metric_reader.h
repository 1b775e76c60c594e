#ifndef LOCKSTEP_TESTS_ACCEPTANCE_METRIC_READER_H_
#define LOCKSTEP_TESTS_ACCEPTANCE_METRIC_READER_H_

// Whoever reads a job's metrics, from one coordinator to the next, and fails
// the test when a point is missing or comes twice.

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "tests/integration/test_cluster.h"

namespace lockstep::testing {

class MetricReader {
 public:
  MetricReader(TestCluster& cluster, std::string id)
      : cluster_(cluster), id_(std::move(id)) {}

  // Until a point of this step is read, or one of which `done` says so; false
  // when the stream ended before.
  bool ReadTo(int64_t step);
  bool ReadUntil(const std::function<bool(const v1::MetricPoint&)>& done);

  int64_t points() const;
  int64_t newest_step() const { return steps_.empty() ? 0 : *steps_.rbegin(); }
  const std::set<int64_t>& steps() const { return steps_; }

 private:
  TestCluster& cluster_;
  const std::string id_;
  std::string cursor_;
  // By attempt and rank: seq counts from 1.
  std::map<std::pair<int, int>, int64_t> newest_;
  std::set<int64_t> steps_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_ACCEPTANCE_METRIC_READER_H_
