#include "proto/contract/job_state.h"

#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

std::vector<v1::Job::State> AllStates() {
  std::vector<v1::Job::State> states;
  const auto* type = v1::Job::State_descriptor();
  states.reserve(type->value_count());
  for (int i = 0; i < type->value_count(); ++i) {
    states.push_back(static_cast<v1::Job::State>(type->value(i)->number()));
  }
  return states;
}

TEST(JobStateTest, TerminalStatesAreNeverLeft) {
  for (v1::Job::State from : AllStates()) {
    if (!IsTerminal(from)) continue;
    for (v1::Job::State to : AllStates()) {
      EXPECT_FALSE(CanTransition(from, to))
          << StateName(from) << " -> " << StateName(to);
    }
  }
}

TEST(JobStateTest, EveryOtherStateLeadsToEveryEnd) {
  for (v1::Job::State from : AllStates()) {
    if (from == v1::Job::STATE_UNSPECIFIED || IsTerminal(from)) continue;
    std::set<v1::Job::State> reached = {from};
    for (size_t before = 0; before != reached.size();) {
      before = reached.size();
      for (v1::Job::State state : AllStates()) {
        for (v1::Job::State to : AllStates()) {
          if (reached.count(state) > 0 && CanTransition(state, to)) {
            reached.insert(to);
          }
        }
      }
    }
    EXPECT_TRUE(reached.count(v1::Job::CANCELLED)) << StateName(from);
    EXPECT_TRUE(reached.count(v1::Job::SUCCEEDED)) << StateName(from);
    EXPECT_TRUE(from == v1::Job::CANCELLING || reached.count(v1::Job::FAILED))
        << StateName(from);
  }
}

TEST(JobStateTest, EveryStateIsReachedFromQueued) {
  std::set<v1::Job::State> reached = {v1::Job::QUEUED};
  for (size_t before = 0; before != reached.size();) {
    before = reached.size();
    for (v1::Job::State from : AllStates()) {
      for (v1::Job::State to : AllStates()) {
        if (reached.count(from) > 0 && CanTransition(from, to)) {
          reached.insert(to);
        }
      }
    }
  }

  // All but the unspecified one.
  EXPECT_EQ(reached.size(), AllStates().size() - 1);
  EXPECT_FALSE(reached.count(v1::Job::STATE_UNSPECIFIED));
}

TEST(JobStateTest, NoStateFollowsItself) {
  for (v1::Job::State state : AllStates()) {
    EXPECT_FALSE(CanTransition(state, state)) << StateName(state);
  }
}

TEST(JobStateTest, TheLifeOfAJobIsLegal) {
  const v1::Job::State life[] = {v1::Job::QUEUED,  v1::Job::PREPARING,
                                 v1::Job::QUEUED,  v1::Job::STARTING,
                                 v1::Job::RUNNING, v1::Job::SUCCEEDED};
  for (size_t i = 0; i + 1 < std::size(life); ++i) {
    EXPECT_TRUE(CanTransition(life[i], life[i + 1])) << i;
  }
}

}  // namespace
}  // namespace lockstep
