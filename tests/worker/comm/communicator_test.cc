// The contract of Communicator, on every implementation and several sizes of
// group; ranks are threads.

#include "worker/comm/communicator.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/worker/coordinator/fake_coordinator.h"
#include "worker/comm/gloo_communicator.h"
#include "worker/comm/local_communicator.h"

namespace lockstep {
namespace {

using Group = std::vector<std::unique_ptr<Communicator>>;

// Here the ranks are threads; see ConnectGloo. LibTorch reads the variable at
// the first collective.
const int kNoFlightRecorder = setenv("TORCH_FR_BUFFER_SIZE", "0", 1);

Group MakeGlooGroup(int world_size) {
  FakeCoordinator coordinator;
  Group group(world_size);
  std::vector<std::thread> ranks;
  for (int rank = 0; rank < world_size; ++rank) {
    ranks.emplace_back([&, rank] {
      auto connected =
          ConnectGloo(coordinator, {.rank = rank, .world_size = world_size});
      ASSERT_TRUE(connected.ok()) << connected.status();
      group[rank] = *std::move(connected);
    });
  }
  for (std::thread& rank : ranks) rank.join();
  return group;
}

struct Backend {
  const char* name;
  Group (*make)(int world_size);
  int world_size;
};

class CommunicatorTest : public testing::TestWithParam<Backend> {
 protected:
  CommunicatorTest() : group_(GetParam().make(GetParam().world_size)) {}

  // Runs `work` on all ranks at once.
  void OnAllRanks(const std::function<void(Communicator&)>& work) {
    std::vector<std::thread> ranks;
    for (auto& communicator : group_) {
      ranks.emplace_back([&] { work(*communicator); });
    }
    for (std::thread& rank : ranks) rank.join();
  }

  int world_size() const { return GetParam().world_size; }

  Group group_;
};

TEST_P(CommunicatorTest, KnowsItsPlace) {
  ASSERT_EQ(kNoFlightRecorder, 0);
  for (int rank = 0; rank < world_size(); ++rank) {
    EXPECT_EQ(group_[rank]->rank(), rank);
    EXPECT_EQ(group_[rank]->world_size(), world_size());
  }
}

TEST_P(CommunicatorTest, AllReduceGivesEveryRankTheSameSum) {
  std::vector<at::Tensor> results(world_size());
  const at::Tensor base = at::arange(1003, at::kFloat) / 7;

  OnAllRanks([&](Communicator& self) {
    at::Tensor buffer = base * (self.rank() + 1);
    ASSERT_TRUE(self.AllReduceSum(buffer).ok());
    results[self.rank()] = buffer;
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
    OnAllRanks([&](Communicator& self) {
      at::Tensor buffer = at::sin(at::arange(5000, at::kFloat) + self.rank());
      ASSERT_TRUE(self.AllReduceSum(buffer).ok());
      if (self.rank() == 0) sum = buffer;
    });
    sums.push_back(sum);
  }

  EXPECT_TRUE(at::equal(sums[0], sums[1]));
  EXPECT_TRUE(at::equal(sums[0], sums[2]));
}

TEST_P(CommunicatorTest, AllGatherKeepsTheOrderOfRanks) {
  OnAllRanks([&](Communicator& self) {
    const at::Tensor mine = at::full({2, 3}, self.rank(), at::kLong);
    auto gathered = self.AllGather(mine);
    ASSERT_TRUE(gathered.ok());
    ASSERT_EQ(static_cast<int>(gathered->size()), self.world_size());
    for (int rank = 0; rank < self.world_size(); ++rank) {
      EXPECT_TRUE(
          at::equal((*gathered)[rank], at::full({2, 3}, rank, at::kLong)));
    }
  });
}

TEST_P(CommunicatorTest, BroadcastComesFromItsRoot) {
  const int root = world_size() - 1;
  OnAllRanks([&](Communicator& self) {
    at::Tensor buffer = at::full({17}, self.rank() + 0.5f);
    ASSERT_TRUE(self.Broadcast(buffer, root).ok());
    EXPECT_TRUE(at::equal(buffer, at::full({17}, root + 0.5f)));
  });
}

TEST_P(CommunicatorTest, BarrierWaitsForEveryRank) {
  std::atomic<int> arrived = 0;
  OnAllRanks([&](Communicator& self) {
    ++arrived;
    ASSERT_TRUE(self.Barrier().ok());
    EXPECT_EQ(arrived, self.world_size());
  });
}

INSTANTIATE_TEST_SUITE_P(All, CommunicatorTest,
                         testing::Values(Backend{"local1", MakeLocalGroup, 1},
                                         Backend{"local3", MakeLocalGroup, 3},
                                         Backend{"gloo1", MakeGlooGroup, 1},
                                         Backend{"gloo2", MakeGlooGroup, 2},
                                         Backend{"gloo3", MakeGlooGroup, 3}),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

TEST(LocalCommunicatorTest, AbortFreesThoseThatWait) {
  auto group = MakeLocalGroup(2);
  absl::Status status;
  std::thread waiting([&] { status = group[0]->Barrier(); });
  group[1]->Abort();
  waiting.join();

  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
}

TEST(GlooCommunicatorTest, FailsWhenAPeerIsGone) {
  Group group = MakeGlooGroup(2);
  group[1].reset();

  at::Tensor buffer = at::ones({10});
  absl::Status status = group[0]->AllReduceSum(buffer);

  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()),
              testing::HasSubstr("all-reduce of rank 0 of 2"));
  EXPECT_FALSE(group[0]->Barrier().ok());
}

TEST(GlooCommunicatorTest, SaysWhenTheOthersDoNotCome) {
  FakeCoordinator coordinator;
  auto connected =
      ConnectGloo(coordinator, {.rank = 0,
                                .world_size = 2,
                                .rendezvous_timeout = absl::Milliseconds(50)});

  EXPECT_EQ(connected.status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace lockstep
