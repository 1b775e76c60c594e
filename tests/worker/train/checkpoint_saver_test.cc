// A checkpoint is written beside the training.

#include "worker/train/checkpoint_saver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "tests/worker/train/training_fixture.h"
#include "worker/io/checkpoint.h"
#include "worker/io/checkpoint_folders.h"
#include "worker/io/timed_lines.h"

namespace lockstep::testing {
namespace {

using ::testing::ElementsAre;
using CommitRequest = worker::v1::CommitCheckpointRequest;

// Answers nobody who asks to publish step 1 before it has heard of step 2.
class SlowCoordinator : public FakeCoordinator {
 public:
  absl::StatusOr<int64_t> Report(worker::v1::ReportRequest request) override {
    for (const v1::MetricPoint& point : request.points()) {
      if (point.step() >= 2 && !trained_on_.HasBeenNotified()) {
        trained_on_.Notify();
      }
    }
    return FakeCoordinator::Report(std::move(request));
  }

  absl::Status CommitCheckpoint(CommitRequest::Phase phase,
                                const v1::Checkpoint& checkpoint) override {
    if (phase == CommitRequest::PHASE_GRANT && checkpoint.step() == 1) {
      trained_on = trained_on_.WaitForNotificationWithTimeout(absl::Minutes(1));
    }
    return FakeCoordinator::CommitCheckpoint(phase, checkpoint);
  }

  // Read when the run is over.
  bool trained_on = false;

 private:
  absl::Notification trained_on_;
};

// Notes whether a step was listed whose points had not all come.
class StrictCoordinator : public FakeCoordinator {
 public:
  absl::Status CommitCheckpoint(CommitRequest::Phase phase,
                                const v1::Checkpoint& checkpoint) override {
    if (phase == CommitRequest::PHASE_COMMIT) {
      const auto told = points();
      listed_early |= std::none_of(told.begin(), told.end(),
                                   [&](const v1::MetricPoint& point) {
                                     return point.step() == checkpoint.step();
                                   });
    }
    return FakeCoordinator::CommitCheckpoint(phase, checkpoint);
  }

  // Read when the run is over.
  bool listed_early = false;
};

// Takes no points before three steps are listed.
class FullCoordinator : public FakeCoordinator {
 public:
  absl::StatusOr<int64_t> Report(worker::v1::ReportRequest request) override {
    if (request.points_size() > 0 && listed_ < 3) {
      return absl::UnavailableError("its disk is full");
    }
    return FakeCoordinator::Report(std::move(request));
  }
  absl::Status CommitCheckpoint(CommitRequest::Phase phase,
                                const v1::Checkpoint& checkpoint) override {
    if (phase == CommitRequest::PHASE_COMMIT) ++listed_;
    return FakeCoordinator::CommitCheckpoint(phase, checkpoint);
  }

 private:
  std::atomic<int> listed_ = 0;
};

class CheckpointSaverTest : public ::testing::Test {
 protected:
  CheckpointSaverTest() : fixture_("models/tiny-llama") {
    fixture_.SetData(
        GoldenDocuments(ReadGolden("tiny-llama.full"), /*slots=*/0));
    fixture_.SetSteps(/*steps=*/4, /*bins=*/4, /*ranks=*/2, /*accumulation=*/1);
  }

  // The weights that the checkpoint of a step has.
  std::vector<float> Weights(int64_t step) const {
    const auto checkpoint = Checkpoint::Open(fixture_.output_dir() + "/" +
                                             CheckpointFolderName(step));
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
    std::vector<float> values(1 << 20);
    const std::string name = checkpoint->WeightNames().front();
    EXPECT_TRUE(
        checkpoint->ReadWeight(name, ShapeOf(name), values.data()).ok());
    return values;
  }

  std::vector<int64_t> ShapeOf(const std::string& name) const {
    for (const Parameter& parameter : parameters_) {
      if (parameter.name == name) return parameter.shape;
    }
    return {};
  }

  TrainingFixture fixture_;
  std::vector<Parameter> parameters_;
};

// And what it has is the state of its step, not of the one that training has
// come to.
TEST_F(CheckpointSaverTest, TrainingGoesOnMeanwhile) {
  fixture_.spec().mutable_checkpoint()->set_save_steps(1);
  SlowCoordinator coordinator;
  parameters_ = fixture_.MustRun(coordinator)[0].parameters;
  EXPECT_TRUE(coordinator.trained_on);
  std::vector<int64_t> listed;
  for (const v1::Checkpoint& checkpoint : coordinator.checkpoints()) {
    listed.push_back(checkpoint.step());
  }
  EXPECT_THAT(listed, ElementsAre(1, 2, 3, 4));
  const std::vector<float> of_step_one = Weights(1);

  fixture_.spec().set_output_dir(fixture_.Path("again"));
  FakeCoordinator prompt;
  fixture_.MustRun(prompt);

  EXPECT_EQ(of_step_one, Weights(1));
  EXPECT_NE(of_step_one, Weights(2));
}

TEST_F(CheckpointSaverTest, PointsComeBeforeTheirStepIsListed) {
  fixture_.spec().mutable_checkpoint()->set_save_steps(1);
  StrictCoordinator coordinator;

  fixture_.MustRun(coordinator);

  EXPECT_EQ(coordinator.checkpoints().size(), 4u);
  EXPECT_FALSE(coordinator.listed_early);
}

TEST_F(CheckpointSaverTest, PointsThatAreNotTakenAreToldOnce) {
  fixture_.spec().mutable_checkpoint()->set_save_steps(1);
  fixture_.longest_flush = absl::Milliseconds(300);
  FullCoordinator coordinator;
  std::ostringstream text;
  {
    std::ostream lines(text.rdbuf());
    const TimedLines timed(lines);  // Two threads write.
    fixture_.lines = &lines;
    fixture_.MustRun(coordinator);
  }

  // A checkpoint is worth more than its points.
  EXPECT_EQ(coordinator.checkpoints().size(), 4u);
  std::vector<std::string> told;
  for (const v1::Event& event : coordinator.events()) {
    if (event.type() == "POINTS_NOT_TAKEN") told.push_back(event.message());
  }
  constexpr char kMessage[] =
      "the coordinator did not take the points of step 1 within 300ms: its "
      "disk "
      "is full. Each checkpoint waits as long until it does";
  EXPECT_THAT(told, ElementsAre(kMessage));
  const std::vector<std::string> parts = absl::StrSplit(text.str(), kMessage);
  EXPECT_EQ(parts.size(), 2u) << text.str();
}

}  // namespace
}  // namespace lockstep::testing
