#include "server/scheduler/rank_watch.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using worker::v1::PHASE_EVALUATING;
using worker::v1::PHASE_LOADING;
using worker::v1::PHASE_SAVING;
using worker::v1::PHASE_TRAINING;

const AttemptRef kWatched{"jobs/a", 2};

worker::v1::Caller CallerOfRank(int rank, int attempt = 2) {
  worker::v1::Caller caller;
  caller.set_job("jobs/a");
  caller.set_attempt(attempt);
  caller.set_rank(rank);
  return caller;
}

// Two ranks and a clock. The coordinator looks once a second.
class RankWatchTest : public ::testing::Test {
 protected:
  RankWatchTest() { watch_.Open(kWatched, 2, now_); }

  bool Say(int rank, worker::v1::Phase phase, int64_t step, int64_t sequence) {
    worker::v1::HeartbeatRequest heartbeat;
    *heartbeat.mutable_caller() = CallerOfRank(rank);
    heartbeat.set_phase(phase);
    heartbeat.set_step(step);
    heartbeat.mutable_collective()->set_sequence(sequence);
    return watch_.Hear(heartbeat, now_);
  }
  void SayBoth(worker::v1::Phase phase, int64_t step) {
    Say(0, phase, step, step);
    Say(1, phase, step, step);
  }

  void TellGpu(int rank, const std::string& uuid, double watts) {
    worker::v1::HeartbeatRequest heartbeat;
    *heartbeat.mutable_caller() = CallerOfRank(rank);
    heartbeat.mutable_gpu()->set_uuid(uuid);
    heartbeat.mutable_gpu()->set_power_watts(watts);
    watch_.Hear(heartbeat, now_);
  }
  std::vector<std::string> Gpus() {
    std::vector<std::string> words;
    for (const RankGpu& gpu : watch_.Gpus(now_)) {
      EXPECT_EQ(gpu.attempt, kWatched);
      words.push_back(absl::StrCat(
          gpu.rank, ": ", gpu.reading.uuid(), " ", gpu.reading.power_watts(),
          " W, ", absl::ToInt64Seconds(now_ - gpu.at), " s ago"));
    }
    return words;
  }

  // "silent 1", "heard 1", "hang at 3, rank 1 is stuck".
  std::vector<std::string> Look() {
    std::vector<std::string> words;
    for (const WatchFinding& finding : watch_.Look(now_)) {
      if (const auto* silence = std::get_if<SilenceFound>(&finding)) {
        words.push_back(absl::StrCat(silence->over ? "heard " : "silent ",
                                     silence->rank.rank));
        continue;
      }
      const auto& hang = std::get<HangFound>(finding);
      const std::optional<int> stuck =
          StuckRank(hang.ranks, SilenceOf(options_));
      words.push_back(absl::StrCat("hang at ", hang.step, ", rank ",
                                   stuck.value_or(-1), " is stuck"));
    }
    return words;
  }

  // So many seconds, in each of which these ranks say the same again.
  std::vector<std::string> Pass(int seconds, std::vector<int> ranks,
                                worker::v1::Phase phase, int64_t step) {
    std::vector<std::string> words;
    for (int i = 0; i < seconds; ++i) {
      now_ += absl::Seconds(1);
      for (const int rank : ranks) Say(rank, phase, step, step);
      for (std::string& word : Look()) words.push_back(std::move(word));
    }
    return words;
  }

  // A step a second until this one is done.
  void Train(int64_t until) {
    SayBoth(PHASE_TRAINING, 0);
    for (int64_t step = 1; step <= until; ++step) {
      Pass(1, {0, 1}, PHASE_TRAINING, step);
    }
  }

  const SchedulerOptions options_;
  RankWatch watch_{options_};
  absl::Duration now_ = absl::Seconds(1000);
};

TEST_F(RankWatchTest, NewsIsAnotherPhaseOrStep) {
  EXPECT_TRUE(Say(0, PHASE_LOADING, 0, 0));
  EXPECT_FALSE(Say(0, PHASE_LOADING, 0, 1));
  EXPECT_TRUE(Say(0, PHASE_TRAINING, 0, 1));
  EXPECT_TRUE(Say(0, PHASE_TRAINING, 1, 2));
  // What a report has said already.
  watch_.HearReport(CallerOfRank(0), 2, now_);
  EXPECT_FALSE(Say(0, PHASE_TRAINING, 2, 3));
}

TEST_F(RankWatchTest, StrangersAreNotHeard) {
  EXPECT_FALSE(Say(2, PHASE_LOADING, 0, 0));
  EXPECT_FALSE(Say(-1, PHASE_LOADING, 0, 0));
  watch_.HearReport(CallerOfRank(0, /*attempt=*/1), 5, now_);
  watch_.Close(kWatched);
  EXPECT_FALSE(Say(0, PHASE_LOADING, 0, 0));
  now_ += absl::Hours(1);
  EXPECT_THAT(Look(), IsEmpty());
}

TEST_F(RankWatchTest, ARankIsSilentAfterTwoIntervals) {
  SayBoth(PHASE_SAVING, 5);
  EXPECT_THAT(Pass(9, {0}, PHASE_SAVING, 5), IsEmpty());
  EXPECT_THAT(Pass(1, {0}, PHASE_SAVING, 5), ElementsAre("silent 1"));
  EXPECT_THAT(Pass(5, {0}, PHASE_SAVING, 5), IsEmpty());
  EXPECT_THAT(Pass(1, {0, 1}, PHASE_SAVING, 5), ElementsAre("heard 1"));
}

std::string TooLong() { return std::string(97, 'x'); }

TEST_F(RankWatchTest, KeepsTheNewestOfWhatARankTellsOfItsGpu) {
  EXPECT_THAT(Gpus(), IsEmpty());
  TellGpu(1, "GPU-b", 300);
  now_ += absl::Seconds(1);
  TellGpu(0, "GPU-a", 100);
  TellGpu(0, "GPU-a", 200);
  // It says nothing new of its GPU.
  Say(0, PHASE_TRAINING, 3, 3);
  EXPECT_THAT(Gpus(), ElementsAre("0: GPU-a 200 W, 0 s ago",
                                  "1: GPU-b 300 W, 1 s ago"));
}

TEST_F(RankWatchTest, AReadingGoesWithTheAttempt) {
  TellGpu(0, "GPU-a", 100);
  watch_.Close(kWatched);
  EXPECT_THAT(Gpus(), IsEmpty());
}

TEST_F(RankWatchTest, AReadingIsTooOldAfterASilence) {
  TellGpu(0, "GPU-a", 100);
  // Its driver answers no more, and it talks on.
  Pass(9, {0, 1}, PHASE_TRAINING, 1);
  EXPECT_THAT(Gpus(), ElementsAre("0: GPU-a 100 W, 9 s ago"));
  Pass(1, {0, 1}, PHASE_TRAINING, 1);
  EXPECT_THAT(Gpus(), IsEmpty());
}

TEST_F(RankWatchTest, AReadingThatWouldMakeTooManySeriesIsDropped) {
  TellGpu(0, "", 100);
  TellGpu(0, TooLong(), 100);
  worker::v1::HeartbeatRequest heartbeat;
  *heartbeat.mutable_caller() = CallerOfRank(0);
  heartbeat.mutable_gpu()->set_uuid("GPU-a");
  for (uint32_t xid = 0; xid < 33; ++xid) {
    (*heartbeat.mutable_gpu()->mutable_xid_errors())[xid] = 1;
  }
  watch_.Hear(heartbeat, now_);
  EXPECT_THAT(Gpus(), IsEmpty());

  heartbeat.mutable_gpu()->mutable_xid_errors()->erase(32);
  watch_.Hear(heartbeat, now_);
  EXPECT_THAT(Gpus(), ElementsAre("0: GPU-a 0 W, 0 s ago"));
}

TEST_F(RankWatchTest, AReportCounts) {
  SayBoth(PHASE_SAVING, 5);
  for (int i = 0; i < 100; ++i) {
    now_ += absl::Seconds(1);
    watch_.HearReport(CallerOfRank(0), 5, now_);
    watch_.HearReport(CallerOfRank(1), std::nullopt, now_);
    EXPECT_THAT(Look(), IsEmpty());
  }
}

TEST_F(RankWatchTest, ASilentRankHangsInAnyPhase) {
  SayBoth(PHASE_SAVING, 5);
  EXPECT_THAT(Pass(29, {0}, PHASE_SAVING, 5), ElementsAre("silent 1"));
  EXPECT_THAT(Pass(1, {0}, PHASE_SAVING, 5),
              ElementsAre("hang at 5, rank 1 is stuck"));
  // It is told once.
  EXPECT_THAT(Pass(60, {0}, PHASE_SAVING, 5), IsEmpty());
}

TEST_F(RankWatchTest, NoStepIsAHangThoughAllTalk) {
  Train(10);
  Say(0, PHASE_TRAINING, 10, 31);
  for (int i = 0; i < 29; ++i) {
    now_ += absl::Seconds(1);
    Say(0, PHASE_TRAINING, 10, 31);
    Say(1, PHASE_TRAINING, 10, 30);
    EXPECT_THAT(Look(), IsEmpty()) << i;
  }
  now_ += absl::Seconds(1);
  Say(0, PHASE_TRAINING, 10, 31);
  Say(1, PHASE_TRAINING, 10, 30);
  EXPECT_THAT(Look(), ElementsAre("hang at 10, rank 1 is stuck"));
}

TEST_F(RankWatchTest, NobodyIsNamedWhenNobodyIsBehind) {
  Train(10);
  EXPECT_THAT(Pass(30, {0, 1}, PHASE_TRAINING, 10),
              ElementsAre("hang at 10, rank -1 is stuck"));
}

TEST_F(RankWatchTest, LongStepsMayTakeTenOfTheirOwn) {
  SayBoth(PHASE_TRAINING, 0);
  for (int64_t step = 1; step <= 5; ++step) {
    EXPECT_THAT(Pass(19, {0, 1}, PHASE_TRAINING, step - 1), IsEmpty());
    EXPECT_THAT(Pass(1, {0, 1}, PHASE_TRAINING, step), IsEmpty());
  }
  EXPECT_THAT(Pass(199, {0, 1}, PHASE_TRAINING, 5), IsEmpty());
  EXPECT_THAT(Pass(1, {0, 1}, PHASE_TRAINING, 5),
              ElementsAre("hang at 5, rank -1 is stuck"));
}

// How long it takes is not known.
TEST_F(RankWatchTest, TheFirstStepMayTakeAsLongAsItTakes) {
  SayBoth(PHASE_TRAINING, 7);
  EXPECT_THAT(Pass(1000, {0, 1}, PHASE_TRAINING, 7), IsEmpty());
}

TEST_F(RankWatchTest, EvaluationsAndSavesMayTakeAsLongAsTheyTake) {
  Train(10);
  EXPECT_THAT(Pass(500, {0, 1}, PHASE_EVALUATING, 10), IsEmpty());
  EXPECT_THAT(Pass(500, {0, 1}, PHASE_SAVING, 10), IsEmpty());
  // And the next step has all of its time.
  EXPECT_THAT(Pass(29, {0, 1}, PHASE_TRAINING, 10), IsEmpty());
  EXPECT_THAT(Pass(2, {0, 1}, PHASE_TRAINING, 10),
              ElementsAre("hang at 10, rank -1 is stuck"));
}

// A coordinator that was stopped itself has heard nobody meanwhile.
TEST_F(RankWatchTest, TheTimeInWhichNobodyLookedDoesNotCount) {
  Train(10);
  now_ += absl::Hours(1);
  EXPECT_THAT(Look(), IsEmpty());
  EXPECT_THAT(Pass(10, {0, 1}, PHASE_TRAINING, 10), IsEmpty());
}

TEST_F(RankWatchTest, WhoNeverSaidAWordIsSilentToo) {
  now_ += absl::Seconds(1);
  Look();
  EXPECT_THAT(Pass(9, {0}, PHASE_LOADING, 0), ElementsAre("silent 1"));
}

// Steps of any speed, with pauses in between: none is called a hang.
TEST_F(RankWatchTest, GoodRunsAreLeftAlone) {
  for (int seed = 1; seed <= 50; ++seed) {
    std::mt19937 random(seed);
    watch_.Open(kWatched, 2, now_);
    SayBoth(PHASE_TRAINING, 0);
    const int seconds_a_step = 1 + static_cast<int>(random() % 40);
    for (int64_t step = 1; step <= 100; ++step) {
      const int seconds = 1 + static_cast<int>(random() % seconds_a_step);
      EXPECT_THAT(Pass(seconds, {0, 1}, PHASE_TRAINING, step - 1), IsEmpty());
      SayBoth(PHASE_TRAINING, step);
      if (random() % 10 != 0) continue;
      EXPECT_THAT(
          Pass(static_cast<int>(random() % 90), {0, 1}, PHASE_SAVING, step),
          IsEmpty());
      SayBoth(PHASE_TRAINING, step);
    }
  }
}

// It has trained to the end, and another writes the result.
TEST_F(RankWatchTest, WhoHasLeftIsNotSilent) {
  SayBoth(PHASE_TRAINING, 7);
  watch_.Leave(CallerOfRank(1));
  EXPECT_THAT(Pass(100, {0}, worker::v1::PHASE_EXPORTING, 7), IsEmpty());
}

}  // namespace
}  // namespace lockstep
