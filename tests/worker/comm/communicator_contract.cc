#include "tests/worker/comm/communicator_contract.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>

#include <atomic>
#include <thread>

namespace lockstep {

void OnAllRanks(int world_size, bool on_gpus,
                const std::function<void(int rank)>& work) {
  std::vector<std::thread> ranks;
  for (int rank = 0; rank < world_size; ++rank) {
    ranks.emplace_back([&, rank] {
      const auto index = static_cast<int8_t>(rank);
      const c10::OptionalDeviceGuard guard(
          on_gpus ? std::optional<at::Device>(at::Device(at::kCUDA, index))
                  : std::nullopt);
      work(rank);
    });
  }
  for (std::thread& rank : ranks) rank.join();
}

CommunicatorGroup ConnectAll(
    int world_size, bool on_gpus,
    const std::function<
        absl::StatusOr<std::unique_ptr<Communicator>>(int rank)>& make) {
  CommunicatorGroup group(world_size);
  OnAllRanks(world_size, on_gpus, [&](int rank) {
    auto connected = make(rank);
    ASSERT_TRUE(connected.ok()) << connected.status();
    group[rank] = *std::move(connected);
  });
  return group;
}

TEST_P(CommunicatorTest, KnowsItsPlace) {
  for (int rank = 0; rank < world_size(); ++rank) {
    EXPECT_EQ(group_[rank]->rank(), rank);
    EXPECT_EQ(group_[rank]->world_size(), world_size());
  }
}

TEST_P(CommunicatorTest, AllReduceGivesEveryRankTheSameSum) {
  std::vector<at::Tensor> results(world_size());
  const at::Tensor base = at::arange(1003, at::kFloat) / 7;

  Run([&](Communicator& self) {
    at::Tensor buffer = (base * (self.rank() + 1)).to(device(self));
    ASSERT_TRUE(self.AllReduceSum(buffer).ok());
    results[self.rank()] = buffer.cpu();
  });

  const double factor = world_size() * (world_size() + 1) / 2.0;
  EXPECT_TRUE(at::allclose(results[0], base * factor));
  for (const at::Tensor& result : results) {
    EXPECT_TRUE(at::equal(result, results[0]));
  }
}

TEST_P(CommunicatorTest, AllReduceRepeatsBitForBit) {
  std::vector<at::Tensor> sums;
  for (int repeat = 0; repeat < 3; ++repeat) {
    at::Tensor sum;
    Run([&](Communicator& self) {
      at::Tensor buffer = at::sin(at::arange(5000, at::kFloat) + self.rank());
      buffer = buffer.to(device(self));
      ASSERT_TRUE(self.AllReduceSum(buffer).ok());
      if (self.rank() == 0) sum = buffer.cpu();
    });
    sums.push_back(sum);
  }

  EXPECT_TRUE(at::equal(sums[0], sums[1]));
  EXPECT_TRUE(at::equal(sums[0], sums[2]));
}

// In the order in which they were begun, ranges of one buffer among them.
TEST_P(CommunicatorTest, SumsThatAreBegunAreThereWhenFinished) {
  constexpr int kPieces = 12;
  const at::Tensor base = at::arange(kPieces * 1001, at::kFloat) / 7;

  Run([&](Communicator& self) {
    for (int repeat = 1; repeat <= 2; ++repeat) {
      const at::Tensor buffer =
          (base * (repeat * (self.rank() + 1))).to(device(self));
      for (int i = kPieces - 1; i >= 0; --i) {
        ASSERT_TRUE(
            self.BeginAllReduceSum(buffer.narrow(0, i * 1001, 1001)).ok());
      }
      ASSERT_TRUE(self.FinishBegun().ok());

      const double factor = world_size() * (world_size() + 1) / 2.0;
      EXPECT_TRUE(at::allclose(buffer.cpu(), base * factor * repeat));
    }
  });
}

// What the engine has put on the GPU is done before its sum, and what it puts
// there after may go on beside it.
TEST_P(CommunicatorTest, ASumWaitsForWhatWasToBeComputedBefore) {
  constexpr int64_t kSide = 512;
  Run([&](Communicator& self) {
    const at::Tensor ones = at::ones({kSide, kSide}).to(device(self));
    std::vector<at::Tensor> products;
    for (int i = 0; i < 4; ++i) {
      products.push_back(at::mm(ones, ones));
      ASSERT_TRUE(self.BeginAllReduceSum(products.back()).ok());
    }
    ASSERT_TRUE(self.FinishBegun().ok());

    for (const at::Tensor& product : products) {
      EXPECT_TRUE(at::equal(
          product.cpu(),
          at::full({kSide, kSide}, static_cast<float>(kSide * world_size()))));
    }
  });
}

TEST_P(CommunicatorTest, AllGatherKeepsTheOrderOfRanks) {
  Run([&](Communicator& self) {
    const at::Tensor mine =
        at::full({2, 3}, self.rank(), at::kLong).to(device(self));
    auto gathered = self.AllGather(mine);
    ASSERT_TRUE(gathered.ok());
    ASSERT_EQ(static_cast<int>(gathered->size()), self.world_size());
    for (int rank = 0; rank < self.world_size(); ++rank) {
      EXPECT_TRUE(at::equal((*gathered)[rank].cpu(),
                            at::full({2, 3}, rank, at::kLong)));
    }
  });
}

// Between sums that were begun, and with rows of several types.
TEST_P(CommunicatorTest, WhatIsGatheredIsThereWhenFinished) {
  Run([&](Communicator& self) {
    const auto filled = [&](double value, at::ScalarType type) {
      return at::full({3, 5}, value, type).to(device(self));
    };
    at::Tensor first = filled(1, at::kFloat), last = filled(2, at::kFloat);
    const at::Tensor ids = filled(self.rank() + 1, at::kInt);
    const at::Tensor rows = filled(self.rank() + 0.5, at::kFloat);
    const at::Tensor all_ids =
        at::zeros({world_size(), 3, 5}, at::kInt).to(device(self));
    const at::Tensor all_rows =
        at::zeros({world_size(), 3, 5}, at::kFloat).to(device(self));

    for (int repeat = 0; repeat < 2; ++repeat) {
      rows.add_(repeat);
      ASSERT_TRUE(self.BeginAllReduceSum(first).ok());
      ASSERT_TRUE(self.BeginAllGather(ids, all_ids).ok());
      ASSERT_TRUE(self.BeginAllGather(rows, all_rows).ok());
      ASSERT_TRUE(self.BeginAllReduceSum(last).ok());
      ASSERT_TRUE(self.FinishBegun().ok());

      for (int rank = 0; rank < world_size(); ++rank) {
        EXPECT_TRUE(at::equal(all_ids[rank].cpu(),
                              at::full({3, 5}, rank + 1, at::kInt)));
        EXPECT_TRUE(at::equal(all_rows[rank].cpu(),
                              at::full({3, 5}, rank + 0.5 + repeat)));
      }
    }
    const auto twice = static_cast<double>(world_size() * world_size());
    EXPECT_TRUE(at::equal(first.cpu(), at::full({3, 5}, twice)));
    EXPECT_TRUE(at::equal(last.cpu(), at::full({3, 5}, 2 * twice)));
  });
}

TEST_P(CommunicatorTest, BroadcastComesFromItsRoot) {
  const int root = world_size() - 1;
  Run([&](Communicator& self) {
    at::Tensor buffer = at::full({17}, self.rank() + 0.5f).to(device(self));
    ASSERT_TRUE(self.Broadcast(buffer, root).ok());
    EXPECT_TRUE(at::equal(buffer.cpu(), at::full({17}, root + 0.5f)));
  });
}

// Whatever carries the others.
TEST_P(CommunicatorTest, TensorsOnTheHostAreSummed) {
  Run([&](Communicator& self) {
    at::Tensor buffer = at::full({3}, self.rank(), at::kLong);
    ASSERT_TRUE(self.AllReduceSum(buffer).ok());
    EXPECT_EQ(buffer[0].item<int64_t>(), world_size() * (world_size() - 1) / 2);
  });
}

TEST_P(CommunicatorTest, BarrierWaitsForEveryRank) {
  std::atomic<int> arrived = 0;
  Run([&](Communicator& self) {
    ++arrived;
    ASSERT_TRUE(self.Barrier().ok());
    EXPECT_EQ(arrived, self.world_size());
  });
}

}  // namespace lockstep
