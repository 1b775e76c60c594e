#include "worker/data/packing.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;

constexpr auto kUnpacked = v1::DataSpec::PACKING_NONE;
constexpr auto kPacked = v1::DataSpec::PACKING_BFD;

std::vector<int64_t> InOrder(size_t size) {
  std::vector<int64_t> order(size);
  std::iota(order.begin(), order.end(), int64_t{0});
  return order;
}

std::vector<std::vector<int64_t>> Documents(const std::vector<Bin>& bins) {
  std::vector<std::vector<int64_t>> documents;
  documents.reserve(bins.size());
  for (const Bin& bin : bins) documents.push_back(bin.documents);
  return documents;
}

TEST(PackingTest, WithoutItEachDocumentIsABinInOrder) {
  EXPECT_THAT(Documents(PackDocuments({5, 3, 9}, kUnpacked, 10, {2, 0, 1})),
              ElementsAre(ElementsAre(2), ElementsAre(0), ElementsAre(1)));
}

TEST(PackingTest, PutsEachDocumentIntoTheFullestBinWithRoom) {
  // Longest first: 7 | 6 | 4 goes to 6 (exactly full), 3 to 7.
  EXPECT_THAT(Documents(PackDocuments({3, 4, 6, 7}, kPacked, 10, InOrder(4))),
              ElementsAre(ElementsAre(0, 3), ElementsAre(1, 2)));
}

TEST(PackingTest, EveryDocumentIsInOneBinAndNoBinIsTooLong) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 50; ++trial) {
    const int64_t max_length = 8 + static_cast<int64_t>(random() % 100);
    std::vector<int64_t> lengths(1 + random() % 200);
    for (int64_t& length : lengths) {
      length = 1 + static_cast<int64_t>(random() % max_length);
    }
    std::vector<int64_t> order = InOrder(lengths.size());
    std::shuffle(order.begin(), order.end(), random);

    const std::vector<Bin> bins =
        PackDocuments(lengths, kPacked, max_length, order);

    std::vector<int64_t> seen;
    for (const Bin& bin : bins) {
      int64_t tokens = 0;
      for (const int64_t document : bin.documents) {
        tokens += lengths[document];
        seen.push_back(document);
      }
      EXPECT_EQ(tokens, bin.tokens);
      EXPECT_LE(tokens, max_length);
    }
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(seen, InOrder(lengths.size()));
    // Two half-empty bins would have been one.
    const auto half_empty = std::count_if(
        bins.begin(), bins.end(),
        [&](const Bin& bin) { return bin.tokens * 2 <= max_length; });
    EXPECT_LE(half_empty, 1);
    // The number of bins is a matter of the lengths alone.
    EXPECT_EQ(
        PackDocuments(lengths, kPacked, max_length, InOrder(lengths.size()))
            .size(),
        bins.size());
  }
}

}  // namespace
}  // namespace lockstep
