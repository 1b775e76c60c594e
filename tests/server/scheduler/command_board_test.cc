#include "server/scheduler/command_board.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using worker::v1::AttachResponse;
using worker::v1::HeartbeatResponse;

const AttemptRef kAttempt{"jobs/a", 1};

TEST(CommandBoardTest, TellsRanksAndSupervisorsToStop) {
  CommandBoard board;
  EXPECT_EQ(board.ForRank(kAttempt), HeartbeatResponse::COMMAND_UNSPECIFIED);
  board.Stop(kAttempt, absl::Milliseconds(1500));
  EXPECT_EQ(board.ForRank(kAttempt), HeartbeatResponse::STOP);
  const AttachResponse response = board.ForSupervisor(kAttempt);
  EXPECT_EQ(response.command(), AttachResponse::STOP);
  EXPECT_EQ(response.grace().seconds(), 1);
  EXPECT_EQ(response.grace().nanos(), 500'000'000);
  EXPECT_EQ(board.ForRank({"jobs/a", 2}),
            HeartbeatResponse::COMMAND_UNSPECIFIED);
  board.Remove(kAttempt);
  EXPECT_EQ(board.ForSupervisor(kAttempt).command(),
            AttachResponse::COMMAND_UNSPECIFIED);
}

TEST(CommandBoardTest, TellsRanksAloneToWriteACheckpoint) {
  CommandBoard board;
  board.StopWithCheckpoint(kAttempt);
  EXPECT_EQ(board.ForRank(kAttempt), HeartbeatResponse::CHECKPOINT_AND_STOP);
  EXPECT_EQ(board.ForSupervisor(kAttempt).command(),
            AttachResponse::COMMAND_UNSPECIFIED);
  // A stop that does not wait for it takes its place.
  board.Stop(kAttempt, absl::Seconds(1));
  EXPECT_EQ(board.ForRank(kAttempt), HeartbeatResponse::STOP);
  EXPECT_EQ(board.ForSupervisor(kAttempt).command(), AttachResponse::STOP);
  board.StopWithCheckpoint(kAttempt);
  board.Remove(kAttempt);
  EXPECT_EQ(board.ForRank(kAttempt), HeartbeatResponse::COMMAND_UNSPECIFIED);
}

TEST(CommandBoardTest, WakesThoseWhoSubscribed) {
  CommandBoard board;
  int first = 0;
  int second = 0;
  auto one = board.Subscribe(kAttempt, [&] { ++first; });
  const auto two = board.Subscribe(kAttempt, [&] { ++second; });
  board.Stop({"jobs/b", 1}, absl::Seconds(1));
  EXPECT_EQ(first, 0);
  board.Stop(kAttempt, absl::Seconds(1));
  one.reset();
  board.Stop(kAttempt, absl::Seconds(1));
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 2);
}

TEST(CommandBoardTest, WakesForACheckpointAndForTheEnd) {
  CommandBoard board;
  std::vector<HeartbeatResponse::Command> seen;
  const auto subscription = board.Subscribe(
      kAttempt, [&] { seen.push_back(board.ForRank(kAttempt)); });

  board.StopWithCheckpoint(kAttempt);
  board.Remove(kAttempt);

  EXPECT_THAT(seen,
              ::testing::ElementsAre(HeartbeatResponse::CHECKPOINT_AND_STOP,
                                     HeartbeatResponse::COMMAND_UNSPECIFIED));
}

TEST(CommandBoardTest, ASubscriptionMayOutliveTheBoard) {
  std::unique_ptr<Scheduler::CommandSubscription> subscription;
  {
    CommandBoard board;
    subscription = board.Subscribe(kAttempt, [] {});
  }
  subscription.reset();
}

}  // namespace
}  // namespace lockstep
