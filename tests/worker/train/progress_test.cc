#include "worker/train/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/worker/coordinator/fake_coordinator.h"

namespace lockstep {
namespace {

using Heartbeat = worker::v1::HeartbeatResponse;

// Nothing waits in these tests but for what they wait for themselves.
constexpr ProgressOptions kQuick = {.attempt = 2,
                                    .rank = 1,
                                    .heartbeat_interval = absl::Milliseconds(1),
                                    .batch_interval = absl::Milliseconds(1),
                                    .retry_interval = absl::Milliseconds(1)};

TEST(ProgressTest, NumbersPointsAndDeliversEachOnce) {
  FakeCoordinator coordinator;
  Progress progress(coordinator, kQuick);
  for (int step = 1; step <= 5; ++step) {
    progress.AddPoint(step, {{"loss", 1.0 / step}});
  }

  ASSERT_TRUE(progress.Flush(absl::Seconds(30)));

  const auto points = coordinator.points();
  ASSERT_EQ(points.size(), 5u);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(points[i].seq(), i + 1);
    EXPECT_EQ(points[i].step(), i + 1);
    EXPECT_EQ(points[i].attempt(), 2);
    EXPECT_EQ(points[i].rank(), 1);
  }
  EXPECT_DOUBLE_EQ(points[4].values().at("loss"), 0.2);
}

TEST(ProgressTest, KeepsPointsWhileTheCoordinatorIsAway) {
  FakeCoordinator coordinator;
  coordinator.SetAnswer(absl::UnavailableError("away"));
  Progress progress(coordinator, kQuick);
  progress.AddPoint(1, {{"loss", 3.0}});
  EXPECT_FALSE(progress.Flush(absl::Milliseconds(20)));

  coordinator.SetAnswer(absl::OkStatus());

  EXPECT_TRUE(progress.Flush(absl::Seconds(30)));
  EXPECT_EQ(coordinator.points().size(), 1u);
  EXPECT_TRUE(progress.standing().ok());
}

TEST(ProgressTest, SplitsWhatIsTooMuchForOneReport) {
  FakeCoordinator coordinator;
  coordinator.SetAnswer(absl::UnavailableError("away"));
  Progress progress(coordinator, kQuick);
  for (int step = 1; step <= 2500; ++step) {
    progress.AddPoint(step, {});
  }
  coordinator.SetAnswer(absl::OkStatus());

  EXPECT_TRUE(progress.Flush(absl::Seconds(30)));
  EXPECT_EQ(coordinator.points().size(), 2500u);
}

TEST(ProgressTest, HeartbeatsBringCommands) {
  FakeCoordinator coordinator;
  Progress progress(coordinator, kQuick);
  progress.SetPhase(worker::v1::PHASE_TRAINING);
  EXPECT_EQ(progress.command(), Heartbeat::COMMAND_UNSPECIFIED);

  coordinator.SetCommand(Heartbeat::CHECKPOINT_AND_STOP, 0);
  while (progress.command() != Heartbeat::CHECKPOINT_AND_STOP) {
    std::this_thread::yield();
  }

  EXPECT_EQ(coordinator.last_phase(), worker::v1::PHASE_TRAINING);
}

TEST(ProgressTest, LearnsThatTheAttemptIsOver) {
  FakeCoordinator coordinator;
  coordinator.SetAnswer(absl::FailedPreconditionError("ATTEMPT_SUPERSEDED"));
  Progress progress(coordinator, kQuick);
  progress.AddPoint(1, {});

  // Returns early: nobody will ever acknowledge.
  EXPECT_FALSE(progress.Flush(absl::Hours(1)));
  EXPECT_EQ(progress.standing().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(ProgressTest, DeliversEventsAndFailures) {
  FakeCoordinator coordinator;
  Progress progress(coordinator, kQuick);
  progress.AddEvent(v1::Event::WARNING, "SLOW_STEP", "step 3 took 9 s");
  ASSERT_TRUE(progress.Flush(absl::Seconds(30)));
  ASSERT_TRUE(
      progress.ReportFailure(v1::Attempt::NOT_FINITE, "loss is nan").ok());

  ASSERT_EQ(coordinator.events().size(), 1u);
  EXPECT_EQ(coordinator.events()[0].type(), "SLOW_STEP");
  EXPECT_EQ(coordinator.failure().cause(), v1::Attempt::NOT_FINITE);
}

}  // namespace
}  // namespace lockstep
