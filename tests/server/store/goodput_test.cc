#include "server/store/goodput.h"

#include <algorithm>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/time_util.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using google::protobuf::util::TimeUtil;
using ::testing::ElementsAre;

absl::Time At(double seconds) {
  return absl::FromUnixSeconds(1000) + absl::Seconds(seconds);
}

std::string InWords(const v1::Goodput::Share& share) {
  return absl::StrCat(
      v1::Goodput::Class_Name(share.class_()), " ", share.cause(), " ",
      absl::FormatDuration(
          absl::Nanoseconds(TimeUtil::DurationToNanoseconds(share.wall()))),
      " ", share.device_seconds());
}

std::vector<std::string> SharesAt(const server::JobRecord& record,
                                  absl::Time now) {
  std::vector<std::string> words;
  const v1::Goodput goodput = GoodputAt(record, now);
  for (const v1::Goodput::Share& share : goodput.shares()) {
    words.push_back(InWords(share));
  }
  return words;
}

absl::Duration SumAt(const server::JobRecord& record, absl::Time now) {
  int64_t nanos = 0;
  const v1::Goodput goodput = GoodputAt(record, now);
  for (const v1::Goodput::Share& share : goodput.shares()) {
    EXPECT_GE(TimeUtil::DurationToNanoseconds(share.wall()), 0);
    nanos += TimeUtil::DurationToNanoseconds(share.wall());
  }
  return absl::Nanoseconds(nanos);
}

// Queued for 2 s, and since then training on two devices.
server::JobRecord Training() {
  server::JobRecord record;
  SpendOn(record, {v1::Goodput::QUEUE, "FIFO"}, At(0));
  v1::Attempt& attempt = *record.mutable_job()->add_attempts();
  attempt.add_ranks();
  attempt.add_ranks();
  BeginAttemptAccount(record, 0);
  SpendOn(record, {v1::Goodput::TRAIN, "", 2}, At(2));
  return record;
}

TEST(GoodputTest, CountsTheOpenMomentUpToNow) {
  const server::JobRecord record = Training();

  EXPECT_THAT(SharesAt(record, At(2)), ElementsAre("QUEUE FIFO 2s 0"));
  EXPECT_THAT(SharesAt(record, At(12)),
              ElementsAre("QUEUE FIFO 2s 0", "TRAIN  10s 20"));
  EXPECT_EQ(GoodputAt(record, At(12)).ratio(), 1);
  // Nothing of it is in the record.
  EXPECT_EQ(record.job().goodput().shares_size(), 1);
}

TEST(GoodputTest, SharesAreByClassAndCause) {
  server::JobRecord record;
  SpendOn(record, {v1::Goodput::QUEUE, "PREPARATION"}, At(0));
  SpendOn(record, {v1::Goodput::PREPARE, ""}, At(1));
  SpendOn(record, {v1::Goodput::QUEUE, "CAPACITY"}, At(3));
  SpendOn(record, {v1::Goodput::QUEUE, "PREPARATION"}, At(6));
  SpendOn(record, {}, At(10));

  EXPECT_THAT(SharesAt(record, At(99)),
              ElementsAre("QUEUE CAPACITY 3s 0", "QUEUE PREPARATION 5s 0",
                          "PREPARE  2s 0"));
  EXPECT_EQ(GoodputAt(record, At(99)).ratio(), 0);
}

TEST(GoodputTest, WhatNoCheckpointHasIsLostWhenTheJobGoesOn) {
  server::JobRecord record = Training();
  NoteStep(record, 10, At(12));
  NoteKept(record, 10, At(12));
  NoteStep(record, 14, At(16));

  EndAttemptAccount(record, v1::Attempt::WORKER_CRASH,
                    /*goes_on=*/true, At(17));

  EXPECT_THAT(SharesAt(record, At(20)),
              ElementsAre("QUEUE FIFO 2s 0", "TRAIN  10s 20",
                          "LOST WORKER_CRASH 4s 8", "IDLE WORKER_CRASH 1s 2"));
  EXPECT_DOUBLE_EQ(GoodputAt(record, At(20)).ratio(), 20.0 / 30);
}

TEST(GoodputTest, NothingIsLostOfAJobThatIsOver) {
  server::JobRecord record = Training();
  NoteStep(record, 10, At(12));

  EndAttemptAccount(record, v1::Attempt::CANCELLED, /*goes_on=*/false, At(12));

  EXPECT_THAT(SharesAt(record, At(20)),
              ElementsAre("QUEUE FIFO 2s 0", "TRAIN  10s 20"));
}

// The checkpoint of step 5 is listed when step 10 is done.
TEST(GoodputTest, ACheckpointKeepsItsStepsAndNoMore) {
  server::JobRecord record = Training();
  NoteStep(record, 10, At(22));
  NoteKept(record, 5, At(22));
  NoteStep(record, 20, At(42));
  // It comes twice, or late.
  NoteKept(record, 4, At(42));

  EndAttemptAccount(record, v1::Attempt::HANG, /*goes_on=*/true, At(42));

  EXPECT_THAT(
      SharesAt(record, At(42)),
      ElementsAre("QUEUE FIFO 2s 0", "TRAIN  10s 20", "LOST HANG 30s 60"));
}

// Whatever closed a moment in between, such as the word that a rank is silent.
TEST(GoodputTest, TrainingWithoutASignWasIdle) {
  server::JobRecord record = Training();
  NoteStep(record, 1, At(5));
  NoteKept(record, 1, At(5));
  SpendOn(record, {v1::Goodput::TRAIN, "", 2}, At(8));
  EndAttemptAccount(record, v1::Attempt::HANG, /*goes_on=*/true, At(12));
  EXPECT_THAT(SharesAt(record, At(12)),
              ElementsAre("QUEUE FIFO 2s 0", "TRAIN  3s 6", "IDLE HANG 7s 14"));
}

TEST(GoodputTest, OnlyTrainingIsIdleAfterItsLastSign) {
  server::JobRecord record = Training();
  NoteKept(record, 3, At(5));
  SpendOn(record, {v1::Goodput::EVALUATE, "", 2}, At(5));
  EndAttemptAccount(record, v1::Attempt::LOST, /*goes_on=*/true, At(60));
  EXPECT_THAT(
      SharesAt(record, At(60)),
      ElementsAre("QUEUE FIFO 2s 0", "TRAIN  3s 6", "EVALUATE  55s 110"));
}

TEST(GoodputTest, AFinishWasOfUseToItsEnd) {
  server::JobRecord record = Training();
  NoteStep(record, 1, At(5));
  EndAttemptAccount(record, v1::Attempt::SUCCESS, /*goes_on=*/false, At(9));
  EXPECT_THAT(SharesAt(record, At(9)),
              ElementsAre("QUEUE FIFO 2s 0", "TRAIN  7s 14"));
}

TEST(GoodputTest, AClockThatIsSetBackStandsStill) {
  server::JobRecord record = Training();
  SpendOn(record, {v1::Goodput::CHECKPOINT, "", 2}, At(10));
  SpendOn(record, {v1::Goodput::TRAIN, "", 2}, At(4));
  EXPECT_EQ(SumAt(record, At(4)), absl::Seconds(10));
  EXPECT_EQ(SumAt(record, At(11)), absl::Seconds(11));
}

// A row of an older release: what was before it is in no share.
TEST(GoodputTest, ARowWithoutAnAccountBeginsOne) {
  server::JobRecord record;
  EXPECT_EQ(SumAt(record, At(9)), absl::ZeroDuration());
  SpendOn(record, {v1::Goodput::QUEUE, "FIFO"}, At(10));
  EXPECT_EQ(SumAt(record, At(12)), absl::Seconds(2));
}

// Whatever happens, in whatever order: each moment is in one share.
TEST(GoodputTest, TheWallsAddUpToTheAge) {
  constexpr int kSeeds = 200;
  constexpr int kEvents = 200;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&random](int limit) {
      return static_cast<int>(random() % limit);
    };
    server::JobRecord record;
    double now = 0;
    int64_t step = 0;
    SpendOn(record, {v1::Goodput::QUEUE, "PREPARATION"}, At(now));
    for (int i = 0; i < kEvents; ++i) {
      now += below(1000) / 100.0;
      const auto what = static_cast<v1::Goodput::Class>(1 + below(9));
      switch (below(6)) {
        case 0:
          SpendOn(record, {what, what == v1::Goodput::TRAIN ? "" : "A", 3},
                  At(now));
          break;
        case 1:
          SpendOn(record, {v1::Goodput::TRAIN, "", 2}, At(now));
          break;
        case 2:
          NoteStep(record, step += below(9), At(now));
          break;
        case 3:
          NoteKept(record, std::max<int64_t>(0, step - below(9)), At(now));
          break;
        case 4:
          EndAttemptAccount(record, v1::Attempt::LOST, below(2) == 0, At(now));
          SpendOn(record, {v1::Goodput::QUEUE, "BACKOFF"}, At(now));
          break;
        default:
          BeginAttemptAccount(record, step);
      }
      ASSERT_EQ(SumAt(record, At(now)), At(now) - At(0))
          << "seed " << seed << ", event " << i;
    }
  }
}

}  // namespace
}  // namespace lockstep
