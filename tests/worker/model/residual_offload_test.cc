// On the CPU a copy is done when it is asked for; that GPUs order theirs is
// seen in transformer_cuda_test.cc.

#include "worker/model/residual_offload.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace lockstep {
namespace {

constexpr int64_t kTokens = 7, kHidden = 5;

class ResidualOffloadTest : public ::testing::TestWithParam<int64_t> {
 protected:
  ResidualOffloadTest() {
    for (int64_t i = 0; i < kResidualPlaces; ++i) {
      places_.push_back(at::zeros({kTokens, kHidden}));
    }
  }

  int64_t blocks() const { return GetParam(); }
  at::Tensor Place(int64_t block, int64_t rows) const {
    return places_[block % kResidualPlaces].narrow(0, 0, rows);
  }

  // Each block is given its own numbers, and finds them again.
  void Step(ResidualOffload& offload, int64_t rows, double first) {
    for (int64_t block = 0; block < blocks(); ++block) {
      offload.BeforeForward(block);
      Place(block, rows).fill_(first + static_cast<double>(block));
      offload.AfterForward(block, Place(block, rows));
    }
    for (int64_t block = blocks() - 1; block >= 0; --block) {
      offload.BeforeBackward(block);
      const double expected = first + static_cast<double>(block);
      EXPECT_TRUE(Place(block, rows).eq(expected).all().item<bool>())
          << "block " << block;
      offload.AfterBackward(block, Place(block, rows));
    }
  }

  std::vector<at::Tensor> places_;
};

TEST_P(ResidualOffloadTest, EachBlockFindsItsStreamAgain) {
  ResidualOffload offload(blocks(), places_[0]);

  Step(offload, kTokens, /*first=*/100);
  Step(offload, /*rows=*/3, /*first=*/200);
}

TEST_P(ResidualOffloadTest, TheLastTwoStay) {
  const ResidualOffload offload(blocks(), places_[0]);

  const int64_t leaving = std::max<int64_t>(blocks() - kResidualPlaces, 0);
  EXPECT_EQ(offload.host_bytes(),
            leaving * static_cast<int64_t>(places_[0].nbytes()));
}

INSTANTIATE_TEST_SUITE_P(Blocks, ResidualOffloadTest,
                         ::testing::Values(1, 2, 3, 4, 7));

}  // namespace
}  // namespace lockstep
