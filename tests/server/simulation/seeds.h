#ifndef LOCKSTEP_TESTS_SERVER_SIMULATION_SEEDS_H_
#define LOCKSTEP_TESTS_SERVER_SIMULATION_SEEDS_H_

// Runs simulations of many seeds, and says how to run the one that failed.

#include <cstdint>
#include <string>

#include "tests/server/simulation/simulation.h"

namespace lockstep::testing {

struct SeedsResult {
  // What was broken, by which seed and how to see it again; "" for nothing.
  std::string failure;
  int seeds = 0;
  int64_t events = 0;
  SimulationCounts counts;  // Of all.
};

// Seeds first, first + 1, ... until one fails; LOCKSTEP_SIMULATION_SEED in the
// environment is run instead of all. A check of the product's own that fails
// ends this process, and names the seed before.
SeedsResult RunSeeds(uint64_t first, int seeds, int events,
                     Fault fault = Fault::kNone);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SERVER_SIMULATION_SEEDS_H_
