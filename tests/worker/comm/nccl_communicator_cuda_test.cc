// The contract of Communicator on two GPUs, and how a group on GPUs fails.

#include "worker/comm/nccl_communicator.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "tests/worker/comm/communicator_contract.h"
#include "tests/worker/coordinator/fake_coordinator.h"
#include "worker/comm/gloo_communicator.h"
#include "worker/comm/local_communicator.h"

namespace lockstep {
namespace {

using ::testing::HasSubstr;

constexpr int kGpus = 2;

// As in a rank's process.
const int kEnvironment = setenv("TORCH_FR_BUFFER_SIZE", "0", 1) |
                         setenv("NCCL_SOCKET_IFNAME", "lo", 0) |
                         setenv("NCCL_NVLS_ENABLE", "0", 0);

bool HasGpus() { return at::getNumGPUs() >= kGpus; }

CommunicatorGroup MakeNcclGroup(int world_size, const NcclOptions& options) {
  FakeCoordinator coordinator;
  return ConnectAll(
      world_size, /*on_gpus=*/true,
      [&](int rank) -> absl::StatusOr<std::unique_ptr<Communicator>> {
        auto host =
            ConnectGloo(coordinator, {.rank = rank, .world_size = world_size});
        if (!host.ok()) return host.status();
        return ConnectNccl(coordinator, *std::move(host), options);
      });
}

INSTANTIATE_TEST_SUITE_P(
    OnGpus, CommunicatorTest,
    testing::Values(CommunicatorBackend{
        "nccl2", [](int world_size) { return MakeNcclGroup(world_size, {}); },
        kGpus, /*on_gpus=*/true}),
    [](const auto& info) { return info.param.name; });

class NcclCommunicatorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(kEnvironment, 0);
    ASSERT_TRUE(HasGpus()) << "two GPUs are needed";
  }
};

TEST_F(NcclCommunicatorTest, APeerThatDoesNotComeIsNoticedAtTheDeadline) {
  CommunicatorGroup group =
      MakeNcclGroup(kGpus, {.timeout = absl::Milliseconds(300)});
  absl::Status late;
  absl::Status after;
  OnAllRanks(kGpus, /*on_gpus=*/true, [&](int rank) {
    at::Tensor buffer = at::ones({1000}, at::device(at::kCUDA));
    ASSERT_TRUE(group[rank]->AllReduceSum(buffer).ok());
    if (rank == 1) return;
    late = group[rank]->AllReduceSum(buffer);
    after = group[rank]->AllReduceSum(buffer);
  });

  EXPECT_EQ(late.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(late.message()),
              HasSubstr("rank 0 of 2 has waited 300ms"));
  EXPECT_THAT(std::string(late.message()),
              HasSubstr("collective 2, all-reduce of 4000 bytes, pending; "
                        "1, all-reduce of 4000 bytes, took"));
  EXPECT_EQ(after.code(), absl::StatusCode::kUnavailable);
}

TEST_F(NcclCommunicatorTest, TheFirstOfThoseBegunThatIsStuckIsNamed) {
  CommunicatorGroup group =
      MakeNcclGroup(kGpus, {.timeout = absl::Milliseconds(300)});
  absl::Status late;
  absl::Status after;
  OnAllRanks(kGpus, /*on_gpus=*/true, [&](int rank) {
    const at::Tensor buffer = at::ones({1000}, at::device(at::kCUDA));
    // Rank 1 begins one of three.
    for (int i = 1; i <= (rank == 0 ? 3 : 1); ++i) {
      ASSERT_TRUE(
          group[rank]->BeginAllReduceSum(buffer.narrow(0, 0, 100 * i)).ok());
    }
    const absl::Status finished = group[rank]->FinishBegun();
    if (rank == 1) {
      EXPECT_TRUE(finished.ok()) << finished;
      return;
    }
    late = finished;
    after = group[rank]->BeginAllReduceSum(buffer);
  });

  EXPECT_EQ(late.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(
      std::string(late.message()),
      HasSubstr("collective 2, all-reduce of 800 bytes, pending; 1, all-reduce "
                "of 400 bytes, took"));
  EXPECT_THAT(std::string(late.message()), HasSubstr("; begun after it: 1"));
  EXPECT_EQ(after.code(), absl::StatusCode::kUnavailable);
}

TEST_F(NcclCommunicatorTest, AGatheringThatIsStuckIsNamed) {
  CommunicatorGroup group =
      MakeNcclGroup(kGpus, {.timeout = absl::Milliseconds(300)});
  absl::Status late;
  absl::Status after;
  OnAllRanks(kGpus, /*on_gpus=*/true, [&](int rank) {
    at::Tensor mine = at::ones({1000}, at::device(at::kCUDA));
    const at::Tensor all = at::zeros({kGpus, 1000}, at::device(at::kCUDA));
    ASSERT_TRUE(group[rank]->AllReduceSum(mine).ok());
    if (rank == 1) return;
    ASSERT_TRUE(group[rank]->BeginAllGather(mine, all).ok());
    late = group[rank]->FinishBegun();
    after = group[rank]->BeginAllGather(mine, all);
  });

  EXPECT_EQ(late.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(late.message()),
              HasSubstr("collective 2, all-gather of 8000 bytes, pending; "
                        "1, all-reduce of 4000 bytes, took"));
  EXPECT_EQ(after.code(), absl::StatusCode::kUnavailable);
}

TEST_F(NcclCommunicatorTest, AGroupThatIsLeftWithSumsBegunDoesNotWaitForThem) {
  CommunicatorGroup group = MakeNcclGroup(kGpus, {});
  const absl::Time start = absl::Now();
  OnAllRanks(kGpus, /*on_gpus=*/true, [&](int rank) {
    at::Tensor buffer = at::ones({1000}, at::device(at::kCUDA));
    // The first one connects the ranks, and waits for both.
    ASSERT_TRUE(group[rank]->AllReduceSum(buffer).ok());
    if (rank == 0) {
      EXPECT_TRUE(group[rank]->BeginAllReduceSum(buffer).ok());
      group[rank].reset();
    }
  });

  EXPECT_LT(absl::Now() - start, absl::Minutes(1));
}

TEST_F(NcclCommunicatorTest, AnAbortFreesTheOneThatWaits) {
  CommunicatorGroup group = MakeNcclGroup(kGpus, {});
  absl::Status status;
  OnAllRanks(kGpus, /*on_gpus=*/true, [&](int rank) {
    at::Tensor buffer = at::ones({1000}, at::device(at::kCUDA));
    if (rank == 0) status = group[rank]->AllReduceSum(buffer);
    if (rank == 1) group[0]->Abort();
  });

  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
}

TEST_F(NcclCommunicatorTest, SaysWhenTheOthersDoNotCome) {
  FakeCoordinator coordinator;
  auto hosts = MakeLocalGroup(kGpus);
  const auto connected =
      ConnectNccl(coordinator, std::move(hosts[0]),
                  {.rendezvous_timeout = absl::Milliseconds(500)});

  EXPECT_EQ(connected.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(connected.status().message()),
              HasSubstr("could not connect, rank 0 of 2"));
}

TEST_F(NcclCommunicatorTest, RefusesTypesThatItDoesNotKnow) {
  CommunicatorGroup group = MakeNcclGroup(kGpus, {});
  OnAllRanks(kGpus, /*on_gpus=*/true, [&](int rank) {
    at::Tensor flags = at::ones({3}, at::device(at::kCUDA).dtype(at::kBool));
    EXPECT_EQ(group[rank]->AllReduceSum(flags).code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(group[rank]->AllGather(flags).status().code(),
              absl::StatusCode::kInvalidArgument);
  });
}

}  // namespace
}  // namespace lockstep
