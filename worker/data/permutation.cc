#include "worker/data/permutation.h"

#include <cstddef>
#include <numeric>
#include <utility>

namespace lockstep {
namespace {

__extension__ using Uint128 = unsigned __int128;

class SplitMix64 {
 public:
  explicit SplitMix64(uint64_t state) : state_(state) {}

  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  // Below `bound`, each number equally likely.
  uint64_t Below(uint64_t bound) {
    Uint128 product = Multiply(Next(), bound);
    if (static_cast<uint64_t>(product) < bound) {
      const uint64_t threshold = -bound % bound;
      while (static_cast<uint64_t>(product) < threshold) {
        product = Multiply(Next(), bound);
      }
    }
    return static_cast<uint64_t>(product >> 64);
  }

 private:
  static Uint128 Multiply(uint64_t a, uint64_t b) {
    return static_cast<Uint128>(a) * b;
  }

  uint64_t state_;
};

// One well-mixed start from three numbers that are small and alike.
uint64_t Key(uint64_t seed, int64_t epoch, PermutationStream stream) {
  uint64_t key = SplitMix64(seed).Next();
  key = SplitMix64(key ^ static_cast<uint64_t>(epoch)).Next();
  return SplitMix64(key ^ static_cast<uint64_t>(stream)).Next();
}

}  // namespace

std::vector<int64_t> Permutation(int64_t size, uint64_t seed, int64_t epoch,
                                 PermutationStream stream) {
  std::vector<int64_t> order(static_cast<size_t>(size));
  std::iota(order.begin(), order.end(), int64_t{0});
  SplitMix64 random(Key(seed, epoch, stream));
  for (int64_t i = size - 1; i > 0; --i) {
    const auto j = random.Below(static_cast<uint64_t>(i) + 1);
    std::swap(order[static_cast<size_t>(i)], order[j]);
  }
  return order;
}

}  // namespace lockstep
