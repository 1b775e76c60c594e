#ifndef LOCKSTEP_TESTS_SERVER_SIMULATION_CHANCE_H_
#define LOCKSTEP_TESTS_SERVER_SIMULATION_CHANCE_H_

// The dice of a simulation: a seed decides all of it.

#include <cstdint>
#include <random>

namespace lockstep::testing {

class Chance {
 public:
  explicit Chance(uint64_t seed) : random_(seed) {}

  // 0 to bound - 1. The remainder favours small numbers a little, and is the
  // same with every standard library.
  int Below(int bound) {
    return static_cast<int>(random_() % static_cast<uint64_t>(bound));
  }
  bool OneIn(int chances) { return Below(chances) == 0; }

 private:
  std::mt19937_64 random_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SERVER_SIMULATION_CHANCE_H_
