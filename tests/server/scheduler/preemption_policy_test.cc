#include "server/scheduler/preemption_policy.h"

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kLittleUrgent = v1::ResourceSpec::PRIORITY_LOW;
constexpr auto kAsUrgentAsMost = v1::ResourceSpec::PRIORITY_NORMAL;

using Candidates = std::vector<PreemptionCandidate>;

PreemptionCandidate Candidate(
    const std::string& job, int devices, int64_t started,
    v1::ResourceSpec::Priority priority = kAsUrgentAsMost) {
  return {.job = job,
          .devices = devices,
          .priority = priority,
          .started = absl::FromUnixSeconds(started),
          .order = started};
}

TEST(PreemptionPolicyTest, NobodyGoesWhenNothingIsMissing) {
  EXPECT_THAT(ChooseVictims(0, {Candidate("a", 1, 1)}), IsEmpty());
  EXPECT_THAT(ChooseVictims(-2, {Candidate("a", 1, 1)}), IsEmpty());
}

TEST(PreemptionPolicyTest, NobodyGoesInVain) {
  EXPECT_THAT(ChooseVictims(1, {}), IsEmpty());
  EXPECT_THAT(ChooseVictims(4, {Candidate("a", 1, 1), Candidate("b", 2, 2)}),
              IsEmpty());
}

TEST(PreemptionPolicyTest, TheYoungestGoesFirst) {
  EXPECT_THAT(ChooseVictims(1, {Candidate("old", 1, 1), Candidate("new", 1, 3),
                                Candidate("mid", 1, 2)}),
              ElementsAre("new"));
}

TEST(PreemptionPolicyTest, OneOldOneIsLessThanTwoYoungOnes) {
  EXPECT_THAT(ChooseVictims(2, {Candidate("old", 2, 1), Candidate("new", 1, 3),
                                Candidate("mid", 1, 2)}),
              ElementsAre("old"));
}

TEST(PreemptionPolicyTest, TheLessUrgentGoesBeforeTheYounger) {
  EXPECT_THAT(ChooseVictims(1, {Candidate("low", 1, 1, kLittleUrgent),
                                Candidate("normal", 1, 2, kAsUrgentAsMost)}),
              ElementsAre("low"));
}

TEST(PreemptionPolicyTest, AYoungOneIsSparedWhenItIsOfNoHelp) {
  EXPECT_THAT(ChooseVictims(5, {Candidate("four", 4, 1), Candidate("two", 2, 2),
                                Candidate("one", 1, 3)}),
              ElementsAre("one", "four"));
  EXPECT_THAT(ChooseVictims(6, {Candidate("four", 4, 1), Candidate("two", 2, 2),
                                Candidate("one", 1, 3)}),
              ElementsAre("two", "four"));
}

// --- By trying all sets ---

using Rank = std::tuple<int, absl::Duration, int64_t>;

Rank RankOf(const PreemptionCandidate& candidate) {
  return {candidate.priority, absl::UnixEpoch() - candidate.started,
          -candidate.order};
}

std::optional<std::vector<Rank>> BestSet(int wanted,
                                         const Candidates& candidates) {
  std::optional<std::vector<Rank>> best;
  for (unsigned set = 0; set < 1U << candidates.size(); ++set) {
    int devices = 0;
    std::vector<Rank> ranks;
    for (size_t i = 0; i < candidates.size(); ++i) {
      if ((set >> i & 1) == 0) continue;
      devices += candidates[i].devices;
      ranks.push_back(RankOf(candidates[i]));
    }
    std::sort(ranks.begin(), ranks.end());
    const bool better = !best.has_value() || ranks.size() < best->size() ||
                        (ranks.size() == best->size() && ranks < *best);
    if (devices >= wanted && better) best = ranks;
  }
  return best;
}

TEST(PreemptionPolicyTest, NoSetOfVictimsIsBetter) {
  std::mt19937 random(7);
  const auto below = [&](int limit) {
    return static_cast<int>(random() % static_cast<unsigned>(limit));
  };
  int chosen = 0;
  for (int round = 0; round < 3000; ++round) {
    Candidates candidates;
    const int count = below(8);
    for (int i = 0; i < count; ++i) {
      candidates.push_back(
          {.job = absl::StrCat("jobs/", i),
           .devices = 1 + below(4),
           .priority = below(2) == 0 ? kLittleUrgent : kAsUrgentAsMost,
           .started = absl::FromUnixSeconds(below(4)),
           .order = i});
    }
    std::shuffle(candidates.begin(), candidates.end(), random);
    const int wanted = below(12);

    const std::vector<std::string> victims = ChooseVictims(wanted, candidates);

    std::vector<Rank> ranks;
    for (const PreemptionCandidate& candidate : candidates) {
      const auto times =
          std::count(victims.begin(), victims.end(), candidate.job);
      ASSERT_LE(times, 1) << candidate.job;
      if (times == 1) ranks.push_back(RankOf(candidate));
    }
    std::sort(ranks.begin(), ranks.end());
    ASSERT_EQ(ranks.size(), victims.size());
    const auto best = BestSet(wanted, candidates);
    ASSERT_EQ(ranks, best.value_or(std::vector<Rank>())) << "round " << round;
    chosen += victims.empty() ? 0 : 1;
  }
  EXPECT_GT(chosen, 1000);
}

}  // namespace
}  // namespace lockstep
