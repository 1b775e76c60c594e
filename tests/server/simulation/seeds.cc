#include "tests/server/simulation/seeds.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace lockstep::testing {
namespace {

constexpr char kSeedVariable[] = "LOCKSTEP_SIMULATION_SEED";

// What a seed that ends the process leaves behind.
char rerun[512];

std::string Rerun(uint64_t seed) {
  const ::testing::TestInfo* test =
      ::testing::UnitTest::GetInstance()->current_test_info();
  return absl::StrCat(
      kSeedVariable, "=", seed, " ", ::testing::internal::GetArgvs().front(),
      " --gtest_filter=", test->test_suite_name(), ".", test->name());
}

void OnAbort(int) {
  const ssize_t ignored = write(STDERR_FILENO, rerun, strlen(rerun));
  static_cast<void>(ignored);
}

void Announce(uint64_t seed) {
  absl::StrCat("seed ", seed, "; again: ", Rerun(seed), "\n")
      .copy(rerun, sizeof(rerun) - 1);
}

void Add(const SimulationCounts& one, SimulationCounts& all) {
  for (const auto& [state, jobs] : one.ended_in) all.ended_in[state] += jobs;
  all.attempts += one.attempts;
  all.preempted += one.preempted;
  all.taken += one.taken;
  all.paused += one.paused;
  all.timed_out += one.timed_out;
  all.hung += one.hung;
  all.lost_followers += one.lost_followers;
  all.excluded += one.excluded;
  all.waited_for_the_hour += one.waited_for_the_hour;
  all.deleted += one.deleted;
  all.queue_changes += one.queue_changes;
  all.moved += one.moved;
  all.waited_for_quota += one.waited_for_quota;
  all.checkpoints += one.checkpoints;
  all.crashes += one.crashes;
  all.watched += one.watched;
  all.placed_by_engine += one.placed_by_engine;
}

}  // namespace

SeedsResult RunSeeds(uint64_t first, int seeds, int events, Fault fault) {
  if (const char* one = std::getenv(kSeedVariable); one != nullptr) {
    if (absl::SimpleAtoi(one, &first)) seeds = 1;
  }
  const auto old_handler = signal(SIGABRT, OnAbort);
  SeedsResult result;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    memset(rerun, 0, sizeof(rerun));
    Announce(seed);
    Simulation simulation(seed, fault);
    const std::string broken = simulation.Run(events);
    ++result.seeds;
    result.events += events;
    Add(simulation.counts(), result.counts);
    if (broken.empty()) continue;
    result.failure = absl::StrCat(broken, "\n", rerun);
    break;
  }
  signal(SIGABRT, old_handler);
  return result;
}

}  // namespace lockstep::testing
