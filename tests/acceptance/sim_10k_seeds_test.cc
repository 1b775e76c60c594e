// A24: the simulation of tests/server/simulation, with all its seeds.

#include <ctime>
#include <iostream>

#include "gtest/gtest.h"
#include "tests/acceptance/length.h"
#include "tests/server/simulation/seeds.h"

namespace lockstep::testing {
namespace {

TEST(Sim10kSeedsTest, PromisesHoldInAnyOrder) {
  const std::clock_t start = std::clock();
  const SeedsResult result =
      RunSeeds(/*first=*/1, /*seeds=*/10'000,
               /*events=*/LengthOfTest(/*usual=*/500, /*full=*/1000));

  EXPECT_EQ(result.failure, "");
  std::cout << "A24 sim_10k_seeds: " << result.seeds << " seeds, "
            << result.events << " events, " << result.counts.crashes
            << " crashes, " << result.counts.attempts << " attempts, "
            << (std::clock() - start) / CLOCKS_PER_SEC << " s of CPU\n";
}

}  // namespace
}  // namespace lockstep::testing
