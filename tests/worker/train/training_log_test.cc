#include "worker/train/training_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include "tests/testing/temp_dir.h"
#include "tests/worker/coordinator/fake_coordinator.h"

namespace lockstep {
namespace {

using ::testing::DoubleEq;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::SizeIs;

const TrainingLogOptions kOptions = {
    .steps = 5, .steps_per_epoch = 2, .logging_steps = 2};

// A step with this loss on 10 of 40 tokens, half of them right.
StepSums Sums(double loss) {
  return {.loss_sum = loss * 10,
          .trained_tokens = 10,
          .correct = 5,
          .tokens = 40,
          .examples = 3};
}

constexpr StepFigures kFigures = {
    .grad_norm = 2, .learning_rate = 0.1, .seconds = 0.5};

class TrainingLogTest : public ::testing::Test {
 protected:
  std::vector<v1::MetricPoint> Points() {
    EXPECT_TRUE(progress_.Flush(absl::Seconds(30)));
    return coordinator_.points();
  }

  FakeCoordinator coordinator_;
  Progress progress_{coordinator_,
                     {.heartbeat_interval = absl::Milliseconds(1),
                      .batch_interval = absl::Milliseconds(1)}};
};

TEST_F(TrainingLogTest, AnEntryIsTheMeanOfItsWindow) {
  TrainingLog log(kOptions, &progress_);

  log.AddStep(1, Sums(4), kFigures);
  log.AddStep(2, Sums(2), {.grad_norm = 3, .learning_rate = 0.2, .seconds = 1});

  const auto points = Points();
  ASSERT_THAT(points, SizeIs(1));
  const auto& values = points[0].values();
  EXPECT_EQ(points[0].step(), 2);
  EXPECT_DOUBLE_EQ(values.at("loss"), 3);
  EXPECT_DOUBLE_EQ(values.at("grad_norm"), 3);
  EXPECT_DOUBLE_EQ(values.at("learning_rate"), 0.2);
  EXPECT_DOUBLE_EQ(values.at("epoch"), 1);
  EXPECT_DOUBLE_EQ(values.at("tokens"), 80);
  EXPECT_DOUBLE_EQ(values.at("step_seconds"), 0.75);
  EXPECT_DOUBLE_EQ(values.at("tokens_per_second"), 80 / 1.5);
  EXPECT_DOUBLE_EQ(values.at("token_accuracy"), 0.5);
}

TEST_F(TrainingLogTest, AnEntryIsALineOfTheLog) {
  std::ostringstream lines;
  TrainingLog log(kOptions, &progress_);
  log.SetLines(&lines);

  log.AddStep(1, Sums(4), kFigures);
  log.AddStep(2, Sums(2), kFigures);

  EXPECT_THAT(lines.str(), MatchesRegex("step 2/[0-9]+: .*loss 3, .*\n"));
}

TEST_F(TrainingLogTest, TheLastStepClosesAShortWindow) {
  TrainingLog log(kOptions, &progress_);
  for (int step = 1; step <= 5; ++step) log.AddStep(step, Sums(step), kFigures);

  const auto points = Points();

  ASSERT_THAT(points, SizeIs(3));
  EXPECT_EQ(points[2].step(), 5);
  EXPECT_DOUBLE_EQ(points[2].values().at("loss"), 5);
}

TEST_F(TrainingLogTest, StepsWithoutALossTermDoNotDiluteTheLoss) {
  TrainingLog log(kOptions, &progress_);
  log.AddStep(1, Sums(4), kFigures);
  log.AddStep(2, {.tokens = 40}, kFigures);
  log.AddStep(3, {.tokens = 40}, kFigures);
  log.AddStep(4, {.tokens = 40}, kFigures);

  const auto points = Points();

  ASSERT_THAT(points, SizeIs(2));
  EXPECT_DOUBLE_EQ(points[0].values().at("loss"), 4);
  EXPECT_FALSE(points[1].values().contains("loss"));
}

TEST_F(TrainingLogTest, ProgressIsToldAtEveryStep) {
  TrainingLog log(kOptions, &progress_);
  log.AddStep(1, Sums(4), kFigures);
  ASSERT_TRUE(progress_.Flush(absl::Seconds(30)));
  EXPECT_EQ(coordinator_.progress().step(), 1);
  EXPECT_EQ(coordinator_.progress().steps_planned(), 5);

  log.AddStep(2, Sums(2), kFigures);
  log.AddEvaluation(2, Sums(7), /*batches=*/3, /*seconds=*/2);
  ASSERT_TRUE(progress_.Flush(absl::Seconds(30)));

  const v1::Progress progress = coordinator_.progress();
  EXPECT_EQ(progress.step(), 2);
  EXPECT_DOUBLE_EQ(progress.loss(), 3);
  EXPECT_DOUBLE_EQ(progress.first_loss(), 3);
  EXPECT_DOUBLE_EQ(progress.eval_loss(), 7);
  EXPECT_EQ(progress.tokens_seen(), 80);
}

TEST_F(TrainingLogTest, SaysWhereTheTimeWent) {
  TimeSpans spans(c10::kCPU);
  TrainingLog log(kOptions, &progress_, &spans);
  for (int step = 1; step <= 2; ++step) {
    spans.Begin(v1::Span::FORWARD, step);
    spans.Begin(v1::Span::COMM, step);
    spans.End();
    log.AddStep(step, Sums(4), kFigures);
  }
  spans.Begin(v1::Span::CHECKPOINT, 2);
  spans.End();
  for (int step = 3; step <= 4; ++step) log.AddStep(step, Sums(4), kFigures);

  const auto points = Points();

  ASSERT_THAT(points, SizeIs(2));
  EXPECT_THAT(points[0].spans(), SizeIs(4));
  EXPECT_EQ(points[0].spans(3).kind(), v1::Span::COMM);
  EXPECT_EQ(points[0].spans(3).step(), 2);
  EXPECT_TRUE(points[0].has_spans_time());
  const auto& values = points[0].values();
  // Of one step.
  double forward_us = 0;
  for (const v1::Span& span : points[0].spans()) {
    if (span.kind() == v1::Span::FORWARD) forward_us += span.duration_us();
  }
  EXPECT_NEAR(values.at("forward_seconds"), forward_us / 2e6, 1e-6);
  EXPECT_EQ(values.at("data_seconds"), 0);
  EXPECT_FALSE(values.contains("checkpoint_seconds"));
  EXPECT_THAT(points[1].spans(), SizeIs(1));
  EXPECT_TRUE(points[1].values().contains("checkpoint_seconds"));
}

TEST_F(TrainingLogTest, OtherRanksSayOnlyThat) {
  TrainingLogOptions options = kOptions;
  options.leads = false;
  TimeSpans spans(c10::kCPU);
  TrainingLog log(options, &progress_, &spans);
  spans.Begin(v1::Span::FORWARD, 1);
  spans.End();
  for (int step = 1; step <= 2; ++step) log.AddStep(step, Sums(4), kFigures);
  log.AddEvaluation(2, Sums(7), /*batches=*/3, /*seconds=*/2);

  const auto points = Points();

  ASSERT_THAT(points, SizeIs(1));
  EXPECT_TRUE(points[0].values().contains("forward_seconds"));
  EXPECT_FALSE(points[0].values().contains("loss"));
  EXPECT_THAT(points[0].spans(), SizeIs(1));
  EXPECT_EQ(coordinator_.progress().step(), 0);
}

TEST_F(TrainingLogTest, CountsWhatItCostsAgainstThePeak) {
  TrainingLogOptions options = kOptions;
  options.flops = {.per_token = 100, .per_squared_length = 1};
  options.peak_flops = 20'000;
  TrainingLog log(options, &progress_);
  StepSums sums = Sums(4);
  sums.squared_lengths = 600;
  for (int step = 1; step <= 2; ++step) log.AddStep(step, sums, kFigures);

  const auto points = Points();

  ASSERT_THAT(points, SizeIs(1));
  // Twice 40 tokens and 600, in twice half a second.
  EXPECT_DOUBLE_EQ(points[0].values().at("flops"), 9200);
  EXPECT_DOUBLE_EQ(points[0].values().at("samples"), 6);
  EXPECT_DOUBLE_EQ(points[0].values().at("mfu"), 0.46);
  EXPECT_DOUBLE_EQ(coordinator_.progress().mfu(), 0.46);
}

TEST_F(TrainingLogTest, WithoutAPeakThereIsNoShareOfIt) {
  TrainingLog log(kOptions, &progress_);
  for (int step = 1; step <= 2; ++step) log.AddStep(step, Sums(4), kFigures);
  EXPECT_FALSE(Points()[0].values().contains("mfu"));
  EXPECT_FALSE(coordinator_.progress().has_mfu());
}

TEST_F(TrainingLogTest, GoesOnFromWhatACheckpointKept) {
  TrainingLog straight(kOptions, nullptr), before(kOptions, nullptr);
  for (int step = 1; step <= 3; ++step) {
    straight.AddStep(step, Sums(1.0 / step), kFigures);
    before.AddStep(step, Sums(1.0 / step), kFigures);
  }
  TrainerPosition position;
  before.Save(&position);
  TrainingLog after(kOptions, nullptr);
  after.Restore(position, before.ToTrainerState(3));

  for (TrainingLog* log : {&straight, &after}) {
    log->AddStep(4, Sums(0.3), kFigures);
    log->AddEvaluation(4, Sums(0.7), /*batches=*/1, /*seconds=*/1);
    log->AddStep(5, Sums(0.2), kFigures);
    log->AddSummary(5);
  }

  EXPECT_EQ(TrainerStateToJson(after.ToTrainerState(5)),
            TrainerStateToJson(straight.ToTrainerState(5)));
}

TEST_F(TrainingLogTest, RowsAreThoseOfHuggingFace) {
  TrainingLog log(kOptions, nullptr);
  log.AddStep(1, Sums(4), kFigures);
  log.AddStep(2, Sums(2), kFigures);
  log.AddEvaluation(2, Sums(7), /*batches=*/3, /*seconds=*/2);
  log.AddSummary(2);

  const TrainerState state = log.ToTrainerState(2);

  EXPECT_EQ(state.global_step, 2);
  EXPECT_EQ(state.max_steps, 5);
  EXPECT_EQ(state.num_input_tokens_seen, 80);
  const std::vector<LogRow> rows = *state.log_history.Rows();
  ASSERT_THAT(rows, SizeIs(3));
  EXPECT_THAT(rows[0].values.at("loss"), DoubleEq(3));
  EXPECT_THAT(rows[1].values.at("eval_loss"), DoubleEq(7));
  EXPECT_THAT(rows[1].values.at("eval_runtime"), DoubleEq(2));
  EXPECT_THAT(rows[1].values.at("eval_steps_per_second"), DoubleEq(1.5));
  EXPECT_THAT(rows[2].values.at("train_loss"), DoubleEq(3));
  EXPECT_THAT(rows[2].values.at("train_runtime"), DoubleEq(1));
}

class TrainingLogBoardTest : public TrainingLogTest {
 protected:
  TrainingLogBoardTest() : log_(kOptions, &progress_) {
    auto board = TensorBoardWriter::Create(dir_.Path("runs"), 0);
    EXPECT_TRUE(board.ok()) << board.status();
    path_ = (*board)->path();
    log_.SetBoard(*std::move(board), [this] { return gpu_; });
  }

  // The bytes of the event file; tags stand in it as they are.
  std::string Written() {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  testing::ScopedTempDir dir_;
  std::string path_;
  std::optional<GpuMemoryTaken> gpu_;
  TrainingLog log_;
};

TEST_F(TrainingLogBoardTest, WritesScalarsOfEachEntry) {
  const std::string before = Written();

  log_.AddStep(1, Sums(4), kFigures);
  EXPECT_EQ(Written(), before);
  log_.AddStep(2, Sums(2), kFigures);
  log_.AddEvaluation(2, Sums(7), /*batches=*/3, /*seconds=*/2);

  for (const char* tag :
       {"train/loss", "train/learning_rate", "train/grad_norm",
        "train/token_accuracy", "train/tokens_per_second", "perf/step_time_s",
        "eval/loss", "eval/token_accuracy", "perf/eval_time_s"}) {
    EXPECT_THAT(Written(), HasSubstr(tag));
  }
  EXPECT_THAT(Written(), Not(HasSubstr("gpu/")));
}

TEST_F(TrainingLogBoardTest, WritesWhatTheGpuHolds) {
  gpu_ = {.bytes = 3LL << 30, .peak_bytes = 5LL << 30};

  log_.AddStep(1, Sums(4), kFigures);
  log_.AddStep(2, Sums(2), kFigures);

  // Tag, then the number as a float: field 2 of Summary.Value.
  const auto scalar = [](const std::string& tag, float value) {
    std::string bytes(sizeof(value), '\0');
    std::memcpy(bytes.data(), &value, sizeof(value));
    return tag + "\x15" + bytes;
  };
  EXPECT_THAT(Written(), HasSubstr(scalar("gpu/0/memory_gib", 3)));
  EXPECT_THAT(Written(), HasSubstr(scalar("gpu/0/memory_peak_gib", 5)));
}

TEST_F(TrainingLogBoardTest, SaysThatTheRunCameToItsEnd) {
  EXPECT_THAT(Written(), Not(HasSubstr("session_end_info")));

  log_.EndBoard();

  EXPECT_THAT(Written(), HasSubstr("session_end_info"));
}

}  // namespace
}  // namespace lockstep
