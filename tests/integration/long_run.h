#ifndef LOCKSTEP_TESTS_INTEGRATION_LONG_RUN_H_
#define LOCKSTEP_TESTS_INTEGRATION_LONG_RUN_H_

// A job of many small steps on two ranks, long enough to be disturbed in its
// middle, and what it ends in when nothing disturbs it.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {

struct LongRun {
  int steps = 600;
  int save_steps = 50;
  int max_restarts = 3;
  int logging_steps = 1;
  // Empty: the one of the sources.
  absl::string_view model;
};

// The job's file. LoRA with dropout, so that the random numbers matter.
std::string LongJob(const std::string& out, const LongRun& run = {});

void SubmitDetached(TestCluster& cluster, const std::string& name,
                    const std::string& yaml);

// Whether it came to this step, in this attempt if one is given.
bool TrainedPast(TestCluster& cluster, const std::string& name, int64_t step,
                 int attempt = 0);

// In which attempts rank 0 trained each step of a job that has ended.
std::map<int64_t, std::vector<int>> AttemptsOfSteps(TestCluster& cluster,
                                                    const std::string& name);

// The adapter that it trained into `out`.
std::string AdapterIn(const std::string& out);
// The adapter of a run that nothing happens to and that ends in this time.
std::string UndisturbedAdapter(const LongRun& run = {},
                               int timeout_seconds = 120);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_INTEGRATION_LONG_RUN_H_
