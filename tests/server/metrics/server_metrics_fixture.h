#ifndef LOCKSTEP_TESTS_SERVER_METRICS_SERVER_METRICS_FIXTURE_H_
#define LOCKSTEP_TESTS_SERVER_METRICS_SERVER_METRICS_FIXTURE_H_

// What the tests of /metrics begin with: an empty page, and a clock of their
// own.

#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "prometheus/registry.h"
#include "server/metrics/server_metrics.h"
#include "server/metrics/text_format.h"
#include "tests/testing/fake_clock.h"

namespace lockstep::testing {

inline v1::Job JobOf(const std::string& id, v1::Job::State state) {
  v1::Job job;
  job.set_name("jobs/" + id);
  job.set_state(state);
  return job;
}

class ServerMetricsTest : public ::testing::Test {
 protected:
  std::string Text() {
    std::string page;
    for (const auto& family : metrics_.registry()->Collect()) {
      AppendText(family, page);
    }
    return page;
  }

  FakeClock clock_;
  ServerMetrics metrics_{clock_, {.keep_ended_jobs = absl::Minutes(15)}};
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SERVER_METRICS_SERVER_METRICS_FIXTURE_H_
