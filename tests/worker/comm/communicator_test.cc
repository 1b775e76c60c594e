// The contract of Communicator on hosts without a GPU, and how those groups
// fail.

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <thread>

#include "tests/worker/comm/communicator_contract.h"
#include "tests/worker/coordinator/fake_coordinator.h"
#include "worker/comm/gloo_communicator.h"
#include "worker/comm/local_communicator.h"

namespace lockstep {
namespace {

// Here the ranks are threads; see ConnectGloo. LibTorch reads the variable at
// the first collective.
const int kNoFlightRecorder = setenv("TORCH_FR_BUFFER_SIZE", "0", 1);

CommunicatorGroup MakeGlooGroup(int world_size) {
  FakeCoordinator coordinator;
  return ConnectAll(world_size, /*on_gpus=*/false, [&](int rank) {
    return ConnectGloo(coordinator, {.rank = rank, .world_size = world_size});
  });
}

INSTANTIATE_TEST_SUITE_P(
    OnHost, CommunicatorTest,
    testing::Values(CommunicatorBackend{"local1", MakeLocalGroup, 1},
                    CommunicatorBackend{"local3", MakeLocalGroup, 3},
                    CommunicatorBackend{"gloo1", MakeGlooGroup, 1},
                    CommunicatorBackend{"gloo2", MakeGlooGroup, 2},
                    CommunicatorBackend{"gloo3", MakeGlooGroup, 3}),
    [](const auto& info) { return info.param.name; });

TEST(LocalCommunicatorTest, AbortFreesThoseThatWait) {
  auto group = MakeLocalGroup(2);
  absl::Status status;
  std::thread waiting([&] { status = group[0]->Barrier(); });
  group[1]->Abort();
  waiting.join();

  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(group[0]->AllGather(at::ones({2})).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST(GlooCommunicatorTest, FailsWhenAPeerIsGone) {
  ASSERT_EQ(kNoFlightRecorder, 0);
  CommunicatorGroup group = MakeGlooGroup(2);
  group[1].reset();

  at::Tensor buffer = at::ones({10});
  absl::Status status = group[0]->AllReduceSum(buffer);

  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()),
              testing::HasSubstr("all-reduce of rank 0 of 2"));
  EXPECT_FALSE(group[0]->Barrier().ok());
  EXPECT_THAT(std::string(group[0]->AllGather(buffer).status().message()),
              testing::HasSubstr("all-gather of rank 0 after an abort"));
}

// As one that is stopped, whose connections stay.
TEST(GlooCommunicatorTest, APeerThatDoesNotComeIsNoticedAtTheDeadline) {
  const auto late = [&](auto collective) {
    FakeCoordinator coordinator;
    CommunicatorGroup group = ConnectAll(2, /*on_gpus=*/false, [&](int rank) {
      return ConnectGloo(
          coordinator,
          {.rank = rank, .world_size = 2, .timeout = absl::Milliseconds(200)});
    });
    return collective(*group[0]);
  };
  at::Tensor buffer = at::ones({10});
  for (const absl::Status& status : {
           late([&](Communicator& self) { return self.AllReduceSum(buffer); }),
           late([&](Communicator& self) {
             return self.AllGather(buffer).status();
           }),
           late([&](Communicator& self) { return self.Barrier(); }),
       }) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
    EXPECT_THAT(std::string(status.message()),
                testing::HasSubstr("rank 0 of 2 has waited 200ms"));
  }
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
