#include "client/cli/progress.h"

#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TrainingProgress At(int64_t step) {
  return {.step = step,
          .steps = 1200,
          .loss = 1.2131,
          .learning_rate = 1.8e-4,
          .tokens_per_second = 18234};
}

TEST(FormatProgressTest, PlainLineHasNoBar) {
  EXPECT_EQ(FormatProgress(At(420), absl::Minutes(12), {}),
            "step 420/1200 35% loss 1.213 lr 1.8e-4 18.2k tok/s eta 12m");
}

TEST(FormatProgressTest, MfuIsThereWhereItIsKnown) {
  TrainingProgress progress = At(420);
  progress.mfu = 0.414;

  EXPECT_EQ(
      FormatProgress(progress, absl::Minutes(12), {}),
      "step 420/1200 35% loss 1.213 lr 1.8e-4 18.2k tok/s mfu 41% eta 12m");
}

TEST(FormatProgressTest, TheBarFillsTheRoomByEighths) {
  ProgressStyle style{.redraw = true, .unicode = true, .width = 80};

  EXPECT_EQ(FormatProgress(At(420), absl::Minutes(12), style),
            "step 420/1200 ▕██████▎           ▏ 35% loss 1.213 lr 1.8e-4 18.2k "
            "tok/s eta 12m");
}

TEST(FormatProgressTest, AsciiBar) {
  ProgressStyle style{.redraw = true, .unicode = false, .width = 80};

  EXPECT_EQ(FormatProgress(At(600), std::nullopt, style),
            "step 600/1200 [#############             ] 50% loss 1.213 lr "
            "1.8e-4 18.2k tok/s");
}

TEST(FormatProgressTest, ANarrowTerminalGetsNoBar) {
  ProgressStyle style{.redraw = true, .unicode = true, .width = 60};

  EXPECT_THAT(FormatProgress(At(420), absl::Minutes(12), style),
              StartsWith("step 420/1200 35%"));
}

TEST(FormatProgressTest, StepsThatAreNotPlannedYetAreLeftOut) {
  TrainingProgress progress = At(5);
  progress.steps = 0;

  EXPECT_THAT(FormatProgress(progress, std::nullopt, {}),
              StartsWith("step 5 loss"));
}

class ProgressDisplayTest : public ::testing::Test {
 protected:
  ProgressDisplay Display(ProgressStyle style) {
    return ProgressDisplay(err_, style, [this] { return now_; });
  }
  int Lines() const {
    const std::string text = err_.str();
    return std::count(text.begin(), text.end(), '\n');
  }

  std::ostringstream err_;
  absl::Time now_ = absl::FromUnixSeconds(1000);
};

TEST_F(ProgressDisplayTest, PlainLinesComeAtMostEveryThirtySeconds) {
  ProgressDisplay display = Display({});
  for (int step = 1; step <= 100; ++step) {
    display.Update(At(step));
    now_ += absl::Seconds(1);
  }
  display.Finish();

  // At 0, 30, 60 and 90 s, and the last.
  EXPECT_EQ(Lines(), 5);
  EXPECT_THAT(err_.str(), StartsWith("step 1/1200"));
  EXPECT_THAT(err_.str(), HasSubstr("\nstep 100/1200"));
}

TEST_F(ProgressDisplayTest, AShortRunShowsItsFirstAndLastStep) {
  ProgressDisplay display = Display({});
  display.Update(At(1));
  display.Update(At(2));
  display.Update(At(3));
  display.Finish();

  EXPECT_EQ(Lines(), 2);
  EXPECT_THAT(err_.str(), HasSubstr("step 3/1200"));
}

TEST_F(ProgressDisplayTest, OneStepIsShownOnce) {
  ProgressDisplay display = Display({});
  display.Update(At(1));
  display.Finish();

  EXPECT_EQ(Lines(), 1);
}

TEST_F(ProgressDisplayTest, PhasesAreNotRepeated) {
  ProgressDisplay display = Display({});
  display.Phase("queued");
  display.Phase("queued");
  display.Phase("running");

  EXPECT_EQ(err_.str(), "queued\nrunning\n");
}

TEST_F(ProgressDisplayTest, TheEtaFollowsTheSpeedSinceTheFirstStep) {
  ProgressDisplay display = Display({});
  display.Update(At(200));
  now_ += absl::Seconds(100);
  display.Update(At(300));  // One step a second, 900 to go.

  EXPECT_THAT(err_.str(), HasSubstr("eta 15m"));
}

TEST_F(ProgressDisplayTest, ANewAttemptMeasuresAnew) {
  ProgressDisplay display = Display({});
  display.Update(At(500));
  now_ += absl::Seconds(1000);
  display.Update(At(100));
  now_ += absl::Seconds(100);
  display.Update(At(200));  // 1000 to go at one a second.

  EXPECT_THAT(err_.str(), HasSubstr("step 200/1200 16% loss 1.213 lr 1.8e-4 "
                                    "18.2k tok/s eta 16m"));
}

TEST_F(ProgressDisplayTest, ATerminalLineIsRedrawnInPlace) {
  ProgressDisplay display = Display({.redraw = true});
  display.Update(At(1));
  now_ += absl::Milliseconds(50);
  display.Update(At(2));  // Too soon to be seen.
  now_ += absl::Milliseconds(60);
  display.Update(At(3));
  display.Phase("queued");
  display.Finish();

  const std::string text = err_.str();
  EXPECT_THAT(text, StartsWith("\rstep 1/1200"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("step 2/")));
  EXPECT_THAT(text, HasSubstr("\rstep 3/1200"));
  // The phase gets a line of its own.
  EXPECT_THAT(text, HasSubstr("\r\x1b[Kqueued\n"));
}

}  // namespace
}  // namespace lockstep::cli
