#include "worker/train/best_evaluation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace lockstep {
namespace {

// since_better after each of these losses.
std::vector<int64_t> Counts(double threshold,
                            const std::vector<double>& losses) {
  BestEvaluation best(threshold);
  std::vector<int64_t> counts;
  for (const double loss : losses) {
    best.Add(static_cast<int64_t>(counts.size()) + 1, loss);
    counts.push_back(best.since_better());
  }
  return counts;
}

TEST(BestEvaluationTest, CountsSinceTheLastBetterOne) {
  EXPECT_EQ(Counts(0, {3, 2, 2, 4, 1, 1.5}),
            (std::vector<int64_t>{0, 0, 1, 2, 0, 1}));
}

// As in EarlyStoppingCallback: it counts, and is the best to beat.
TEST(BestEvaluationTest, BetterByLessThanTheThresholdDoesNotCount) {
  EXPECT_EQ(Counts(0.5, {3, 2.75, 2.5, 2.25, 1.5}),
            (std::vector<int64_t>{0, 1, 2, 3, 0}));
}

TEST(BestEvaluationTest, WhatIsNoNumberIsNeverTheBest) {
  BestEvaluation best;
  best.Add(1, std::nan(""));
  EXPECT_FALSE(best.best().has_value());
  best.Add(2, 5);
  best.Add(3, INFINITY);
  best.Add(4, std::nan(""));

  EXPECT_EQ(best.best()->step, 2);
  EXPECT_EQ(best.since_better(), 2);
}

TEST(BestEvaluationTest, TheBestSavedIsOneThatWasEvaluatedAndSaved) {
  BestEvaluation best;
  best.Add(2, 5);
  best.MarkSaved(2);
  best.Add(4, 3);
  best.MarkSaved(5);
  EXPECT_EQ(best.best()->step, 4);
  EXPECT_EQ(best.best_saved()->step, 2);
  best.MarkSaved(4);
  EXPECT_EQ(best.best_saved()->step, 4);
  // It was not written.
  best.UnmarkSaved();
  EXPECT_EQ(best.best_saved()->step, 2);
  best.Add(6, 4);
  best.MarkSaved(6);
  EXPECT_EQ(best.best_saved()->step, 6);
  best.Add(8, 4.5);
  best.MarkSaved(8);
  EXPECT_EQ(best.best_saved()->step, 6);
}

TEST(BestEvaluationTest, GoesOnFromWhatWasSaved) {
  BestEvaluation before;
  before.Add(2, 5);
  before.MarkSaved(2);
  before.Add(4, 6);
  std::map<std::string, double> averages;
  before.Save(&averages);

  BestEvaluation after;
  after.Restore(averages);

  EXPECT_EQ(after.since_better(), 1);
  EXPECT_EQ(after.best()->loss, 5);
  EXPECT_EQ(after.best_saved()->step, 2);
  after.Restore({});
  EXPECT_EQ(after.since_better(), 0);
  EXPECT_FALSE(after.best().has_value());
}

}  // namespace
}  // namespace lockstep
