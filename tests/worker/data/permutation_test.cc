#include "worker/data/permutation.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;

constexpr auto kDocuments = PermutationStream::kDocuments;

TEST(PermutationTest, HoldsEveryNumberOnce) {
  for (const int64_t size : {0, 1, 2, 7, 1000}) {
    std::vector<int64_t> order = Permutation(size, 42, 3, kDocuments);
    std::sort(order.begin(), order.end());
    std::vector<int64_t> expected(static_cast<size_t>(size));
    std::iota(expected.begin(), expected.end(), int64_t{0});
    EXPECT_EQ(order, expected);
  }
}

// A resumed run depends on it: another order would repeat some rows and skip
// others.
TEST(PermutationTest, IsTheSameForEver) {
  EXPECT_THAT(Permutation(8, 42, 0, kDocuments),
              ElementsAre(0, 2, 4, 6, 7, 1, 5, 3));
}

TEST(PermutationTest, DiffersBySeedEpochAndStream) {
  const std::set<std::vector<int64_t>> orders = {
      Permutation(100, 42, 0, kDocuments), Permutation(100, 43, 0, kDocuments),
      Permutation(100, 42, 1, kDocuments),
      Permutation(100, 42, 0, PermutationStream::kBins),
      Permutation(100, 42, 0, PermutationStream::kEvalSplit)};
  EXPECT_EQ(orders.size(), 5u);
}

TEST(PermutationTest, EachPlaceIsEquallyLikely) {
  int first[4] = {};
  for (uint64_t seed = 0; seed < 4000; ++seed) {
    ++first[Permutation(4, seed, 0, kDocuments)[0]];
  }
  for (const int count : first) EXPECT_NEAR(count, 1000, 120);
}

}  // namespace
}  // namespace lockstep
