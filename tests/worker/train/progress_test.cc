#include "worker/train/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <thread>
#include <utility>

#include "proto/contract/monotonic_time.h"
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

TEST(ProgressTest, FlushesPointsUpToOneAlone) {
  FakeCoordinator coordinator;
  coordinator.SetAnswer(absl::UnavailableError("away"));
  Progress progress(coordinator, kQuick);
  progress.AddPoint(1, {{"loss", 3.0}});
  // Not before it has tried.
  while (progress.FlushPoints(1, absl::Milliseconds(1)) !=
         absl::UnavailableError("away")) {
  }
  EXPECT_TRUE(progress.FlushPoints(0, absl::ZeroDuration()).ok());

  coordinator.SetAnswer(absl::OkStatus());

  EXPECT_TRUE(progress.FlushPoints(1, absl::Seconds(30)).ok());
  EXPECT_EQ(coordinator.points().size(), 1u);
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

TEST(ProgressTest, SplitsSpansThatAreTooManyForOneReport) {
  FakeCoordinator coordinator;
  coordinator.SetAnswer(absl::UnavailableError("away"));
  Progress progress(coordinator, kQuick);
  TakenSpans spans{.begin = absl::FromUnixSeconds(5)};
  spans.spans.resize(kMostSpans);
  for (int step = 1; step <= 120; ++step) progress.AddPoint(step, {}, spans);
  coordinator.SetAnswer(absl::OkStatus());

  EXPECT_TRUE(progress.Flush(absl::Seconds(30)));

  const auto points = coordinator.points();
  ASSERT_EQ(points.size(), 120u);
  EXPECT_EQ(points.back().spans_size(), static_cast<int>(kMostSpans));
  EXPECT_EQ(points.back().spans_time().seconds(), 5);
  EXPECT_LE(coordinator.most_spans(), 50'000);
}

// Whether a heartbeat fell into it or not.
TEST(ProgressTest, HeartbeatsSayHowLongPhasesTookBetweenThem) {
  FakeCoordinator coordinator;
  ProgressOptions options = kQuick;
  options.batch_interval = absl::Hours(1);
  options.heartbeat_interval = absl::Hours(1);
  Progress progress(coordinator, options);
  progress.SetPhase(worker::v1::PHASE_TRAINING);
  coordinator.AwaitHeartbeats(1);
  const worker::v1::Phase told = coordinator.last_phase();
  // The next one is an hour away, or comes when the line is opened again.
  progress.SetPhase(worker::v1::PHASE_SAVING);
  const absl::Time begin = MonotonicNow();
  while (MonotonicNow() == begin) {
  }
  progress.SetPhase(worker::v1::PHASE_EVALUATING);
  coordinator.CloseLines(absl::UnavailableError("a restart"));
  coordinator.AwaitHeartbeats(2);

  std::map<worker::v1::Phase, int64_t> others;
  for (const worker::v1::PhaseTime& other : coordinator.last_other_phases()) {
    others[other.phase()] = other.nanos();
  }
  EXPECT_GT(others[worker::v1::PHASE_SAVING], 0);
  EXPECT_GT(others[worker::v1::PHASE_EVALUATING], 0);
  EXPECT_FALSE(others.contains(told));
}

TEST(ProgressTest, HeartbeatsSayInWhichCollectiveTheRankIs) {
  FakeCoordinator coordinator;
  NewestCollective newest;
  ProgressOptions options = kQuick;
  options.collectives = &newest;
  Progress progress(coordinator, options);
  coordinator.AwaitHeartbeats(1);
  EXPECT_EQ(coordinator.last_collective().sequence(), 0);

  newest.Enter("all-reduce", 64);
  coordinator.AwaitHeartbeats(coordinator.heartbeats() + 2);

  EXPECT_EQ(coordinator.last_collective().sequence(), 1);
  EXPECT_EQ(coordinator.last_collective().operation(),
            "all-reduce of 64 bytes");
  EXPECT_TRUE(coordinator.last_collective().pending());
}

TEST(ProgressTest, HeartbeatsSayWhatTheGpuDoes) {
  FakeCoordinator coordinator;
  GpuGauge gpu("GPU-fake0", {.library = LOCKSTEP_FAKE_NVML});
  ProgressOptions options = kQuick;
  options.gpu = &gpu;
  const Progress progress(coordinator, options);

  EXPECT_EQ(coordinator.AwaitGpu().utilization_ratio(), 0.75);
}

TEST(ProgressTest, HeartbeatsBringCommands) {
  FakeCoordinator coordinator;
  Progress progress(coordinator, kQuick);
  progress.SetPhase(worker::v1::PHASE_TRAINING);
  while (coordinator.last_phase() != worker::v1::PHASE_TRAINING) {
    std::this_thread::yield();
  }
  EXPECT_EQ(progress.command(), Heartbeat::COMMAND_UNSPECIFIED);

  coordinator.SetCommand(Heartbeat::CHECKPOINT_AND_STOP, 0);
  while (progress.command() != Heartbeat::CHECKPOINT_AND_STOP) {
    std::this_thread::yield();
  }
}

// Heartbeats do not come by themselves in these.
constexpr ProgressOptions kQuiet = {.heartbeat_interval = absl::Hours(1),
                                    .batch_interval = absl::Milliseconds(1),
                                    .retry_interval = absl::Milliseconds(1)};

TEST(ProgressTest, TellsEachPhaseAtOnce) {
  FakeCoordinator coordinator;
  Progress progress(coordinator, kQuiet);
  for (const worker::v1::Phase phase :
       {worker::v1::PHASE_LOADING, worker::v1::PHASE_TRAINING,
        worker::v1::PHASE_SAVING}) {
    progress.SetPhase(phase);
    while (coordinator.last_phase() != phase) std::this_thread::yield();
  }
  EXPECT_LE(coordinator.heartbeats(), 4);
}

TEST(ProgressTest, ACommandComesWithoutAHeartbeat) {
  FakeCoordinator coordinator;
  Progress progress(coordinator, kQuiet);
  coordinator.AwaitHeartbeats(1);

  coordinator.SetCommand(Heartbeat::STOP, 0);

  EXPECT_EQ(progress.command(), Heartbeat::STOP);
  EXPECT_EQ(coordinator.heartbeats(), 1);
}

TEST(ProgressTest, OpensALineAgainThatClosed) {
  FakeCoordinator coordinator;
  Progress progress(coordinator, kQuiet);
  coordinator.AwaitHeartbeats(1);

  coordinator.CloseLines(absl::UnavailableError("restarts"));

  coordinator.AwaitHeartbeats(2);
  EXPECT_TRUE(progress.standing().ok());
}

// Also while its reports arrive, which say that the rank lives.
TEST(ProgressTest, ReportsDoNotStandForALineThatClosed) {
  FakeCoordinator coordinator;
  Progress progress(coordinator, kQuiet);
  coordinator.AwaitHeartbeats(1);
  coordinator.CloseLines(absl::UnavailableError("restarts"));
  for (int64_t step = 1; coordinator.heartbeats() < 2; ++step) {
    progress.AddPoint(step, {});
    progress.Flush(absl::Seconds(30));
  }
  coordinator.SetCommand(Heartbeat::STOP, 0);
  EXPECT_EQ(progress.command(), Heartbeat::STOP);
}

TEST(ProgressTest, AReportSavesAHeartbeat) {
  FakeCoordinator coordinator;
  ProgressOptions options = kQuiet;
  options.heartbeat_interval = absl::Milliseconds(20);
  Progress progress(coordinator, options);
  coordinator.AwaitHeartbeats(1);

  // Only a gap between reports, as on a busy machine, lets one be due.
  int64_t due = 1;
  absl::Time before_last = absl::Now();
  absl::Time last = before_last;
  const absl::Time end = last + 20 * options.heartbeat_interval;
  for (int64_t step = 1; last < end; ++step) {
    progress.AddPoint(step, {});
    ASSERT_TRUE(progress.Flush(absl::Seconds(30)));
    const absl::Time now = absl::Now();
    due += (now - before_last) / options.heartbeat_interval;
    before_last = std::exchange(last, now);
  }

  EXPECT_LE(coordinator.heartbeats(), due);
}

// A report does not say how the GPU does.
TEST(ProgressTest, OfAGpuThereAreHeartbeatsBesideReports) {
  FakeCoordinator coordinator;
  GpuGauge gpu("GPU-fake0", {.library = LOCKSTEP_FAKE_NVML});
  ProgressOptions options = kQuiet;
  options.heartbeat_interval = absl::Milliseconds(20);
  options.gpu = &gpu;
  Progress progress(coordinator, options);
  // Far more often than heartbeats are due.
  for (int64_t step = 1; coordinator.heartbeats() < 5; ++step) {
    progress.AddPoint(step, {});
    ASSERT_TRUE(progress.Flush(absl::Seconds(30)));
  }
}

TEST(ProgressTest, AClosedLineSaysThatTheAttemptIsOver) {
  FakeCoordinator coordinator;
  Progress progress(coordinator, kQuiet);
  coordinator.AwaitHeartbeats(1);

  coordinator.CloseLines(absl::FailedPreconditionError("ATTEMPT_SUPERSEDED"));

  EXPECT_EQ(progress.standing().code(), absl::StatusCode::kFailedPrecondition);
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
