#include "worker/export/lora_merge.h"

#include <vector>

#include "gtest/gtest.h"

namespace lockstep {
namespace {

TEST(LoraMergeTest, AddsTheScaledProduct) {
  std::vector<float> weight = {1, 2, 3, 4, 5, 6};  // [2, 3]
  const std::vector<float> a = {1, 0, 2};          // [1, 3]
  const std::vector<float> b = {10, -1};           // [2, 1]

  MergeLora({.out = 2, .in = 3, .r = 1, .scale = 0.5}, a.data(), b.data(),
            weight.data());

  EXPECT_EQ(weight, (std::vector<float>{6, 2, 13, 3.5, 5, 5}));
}

TEST(LoraMergeTest, SumsOverTheRank) {
  std::vector<float> weight = {0};
  const std::vector<float> a = {1, 2, 3};
  const std::vector<float> b = {4, 5, 6};

  MergeLora({.out = 1, .in = 1, .r = 3, .scale = 2}, a.data(), b.data(),
            weight.data());

  EXPECT_EQ(weight[0], 64);
}

}  // namespace
}  // namespace lockstep
